package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func accountsTarget(ids ...string) *wipev1.Target {
	return &wipev1.Target{Target: &wipev1.Target_Devices{Devices: &wipev1.DeviceList{Ids: ids}}}
}

// TestWipeRegistrations: one request for each app, each shown and confirmed by
// itself; what has ended is left alone.
func TestWipeRegistrations(t *testing.T) {
	b := serve(t).fillApps()
	args := []string{"wipe", "registrations", "--user", "maria@example.com", "--reason", "left", "--expires", "7d"}
	got := b.with(runOptions{asks: true, stdin: "y\ny\n"}, args...)
	for _, want := range []string{
		"Work accounts in com.example.mail\n\nDEVICE", "Order this wipe of 2 work accounts in com.example.mail? [y/N] ",
		"Work accounts in com.example.notes\n\nDEVICE", "Order this wipe of 1 work account in com.example.notes? [y/N] ",
	} {
		if !strings.Contains(got.errOut, want) {
			t.Errorf("%q is not in\n%s", want, got.errOut)
		}
	}
	if strings.Contains(got.errOut, goneOne) {
		t.Errorf("what has ended is planned:\n%s", got.errOut)
	}
	got.errOut = ""
	b.check(got, 0, `
request/request-00000001 executed; each device is done when it says so
  Asks:    app-data com.example.mail of 2 devices
  Held:    until 2026-11-22 12:10:00Z (in 10m): no device is given its order before
  Orders:  mdmctl get wipes --request request-00000001
  Stop:    mdmctl stop request request-00000001 --reason TEXT
request/request-00000002 executed; each device is done when it says so
  Asks:    app-data com.example.notes of 1 devices
  Orders:  mdmctl get wipes --request request-00000002
  Stop:    mdmctl stop request request-00000002 --reason TEXT
`, "")
	b.mu.Lock()
	defer b.mu.Unlock()
	var targets []*wipev1.Target
	var packages []string
	for _, m := range b.requests {
		if r, ok := m.(*wipev1.CreateWipesRequest); ok {
			targets = append(targets, r.GetTarget())
			packages = append(packages, strings.Join(r.GetScope().GetAppData().GetPackages(), ","))
			if r.GetReason() != "left" || r.GetPlanDigest() == "" || r.GetLifetime().AsDuration() != 7*day || r.GetRequestKey() == "" {
				t.Errorf("sent %v", r)
			}
		}
	}
	if diff := cmp.Diff([]*wipev1.Target{accountsTarget(mailPhone, mailTab), accountsTarget(notes)}, targets, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{mail, "com.example.notes"}, packages); diff != "" {
		t.Error(diff)
	}
}

func TestWipeRegistrationsChosen(t *testing.T) {
	b := serve(t).fillApps()
	args := []string{"wipe", "reg", "--user", "maria@example.com", "--package", mail, "--tag", tabTag, "--reason", "left"}
	seen := b.planOf(args...)
	b.check(b.run(append(args, "--plan", seen, "--yes", "--request-key", "key-12345", "-o", "name")...), 0, "request/request-00000001\n", "")
	got := last[*wipev1.CreateWipesRequest](b)
	if diff := cmp.Diff(accountsTarget(mailTab), got.GetTarget(), protocmp.Transform()); diff != "" || got.GetPlanDigest() != seen || got.GetRequestKey() != "key-12345" {
		t.Errorf("sent %v\n%s", got, diff)
	}
}

// TestWipeRegistrationsDry plans each and orders none.
func TestWipeRegistrationsDry(t *testing.T) {
	b := serve(t).fillApps()
	got := b.run("wipe", "registrations", "--user", "maria@example.com", "--dry-run")
	if got.code != 0 || strings.Count(got.out, "Dry run: nothing was ordered.") != 2 {
		t.Error(got)
	}
	b.with(runOptions{asks: true, stdin: "y\nn\n"}, "wipe", "registrations", "--user", "maria@example.com", "--reason", "left")
	if n := sent[*wipev1.CreateWipesRequest](b); n != 1 {
		t.Errorf("%d requests after one yes and one no", n)
	}
}

func TestWipeRegistrationsRefused(t *testing.T) {
	b := serve(t).fillApps()
	for args, want := range map[string]string{
		"--reason x":                                                   `required flag(s) "user" not set`,
		"--user maria@example.com":                                     "--reason is missing",
		"--user maria@example.com --reason x":                          `app "com.example.mail": nobody is there to confirm: repeat with --yes`,
		"--user maria@example.com --reason x --yes -o json":            "name the app with --package (there are: com.example.mail, com.example.notes)",
		"--user maria@example.com --reason x --yes --request-key k":    "name the app with --package",
		"--user maria@example.com --reason x --yes --plan " + "abcdef": "name the app with --package",
		"--user jo@example.com --reason x --yes":                       `user "jo@example.com": no active registration is so` + "\nhint: see mdmctl get registrations --user jo@example.com",
		"ID --user maria@example.com --reason x":                       "unknown command",
	} {
		got := b.run(append([]string{"wipe", "registrations"}, strings.Fields(args)...)...)
		if got.code == 0 || !strings.Contains(got.errOut, want) {
			t.Errorf("%s: %+v", args, got)
		}
	}
	if n := sent[*wipev1.CreateWipesRequest](b); n != 0 {
		t.Errorf("%d requests", n)
	}
}
