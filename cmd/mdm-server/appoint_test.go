package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"ringfence/internal/identity"
	"ringfence/internal/rpc"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	auditv1 "ringfence/proto/mdm/audit/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// command runs mdm-server's command line on the installation.
func (i *installation) command(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := run(ctx, append(args, "--data", i.data, "--database", i.dsn), &out, io.Discard)
	return out.String(), err
}

// TestAppoint walks the life of a credential on the command line.
func TestAppoint(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		i := install(t, dsn, nil)
		if err := i.start(t).stop(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "maria.yaml")
		out, err := i.command(t.Context(), "admin", "create", "maria-phone", "--role", "help-desk", "--person", "maria",
			"--group", "sales", "--group", "hr", "--out", file)
		if want := "the credential of maria-phone (help-desk, person maria, groups sales, hr) was written to " + file + "\n"; err != nil || out != want {
			t.Fatalf("create: %q, %v; want %q", out, err, want)
		}
		out, err = i.command(t.Context(), "admin", "list")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != 3 {
			t.Fatalf("list:\n%s", out)
		}
		for n, want := range []string{"SERIAL NAME ROLE PERSON GROUPS CREATED", "admin owner admin all", "maria-phone help-desk maria hr,sales"} {
			if got := strings.Join(strings.Fields(lines[n]), " "); !strings.Contains(got, want) {
				t.Errorf("line %d of the list is %q, want %q in it", n, got, want)
			}
		}

		s := i.start(t)
		maria := s.adminFrom(t, file)
		must[*enrollv1.ListDevicesResponse](t)(maria.enroll.ListDevices(t.Context(), &enrollv1.ListDevicesRequest{}))
		_, err = maria.enroll.RetireDevice(t.Context(), &enrollv1.RetireDeviceRequest{Id: newID(), Reason: "a test"})
		wantStatus(t, "the help desk retires", err, codes.PermissionDenied, rpc.RoleMayNot)
		entries := must[*auditv1.ListEntriesResponse](t)(s.admin(t).audit.ListEntries(t.Context(), &auditv1.ListEntriesRequest{Target: "administrator/maria-phone"}))
		if len(entries.GetEntries()) != 1 || !strings.HasPrefix(entries.GetEntries()[0].GetDetail(), "role help-desk, person maria, groups hr sales, certificate ") {
			t.Errorf("the record says %v", entries)
		}
	})
}

// TestAppointRefused: what is wrong is said, and nothing is left behind.
func TestAppointRefused(t *testing.T) {
	i := install(t, dbtest.DSN(t, sqldb.SQLite), nil)
	if err := i.start(t).stop(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "new.yaml")
	for name, tt := range map[string]struct {
		args  []string
		want  []string
		usage bool
	}{
		"no role":          {nil, []string{"--role is required", roleLines()[:20]}, true},
		"no such role":     {[]string{"--role", "root"}, []string{`no role "root"`, roleLines()[:20]}, true},
		"no such group":    {[]string{"--role", "owner", "--group", "A B"}, []string{"groups", `"A B"`}, false},
		"no such person":   {[]string{"--role", "owner", "--person", "A B"}, []string{"person"}, false},
		"another's name":   {[]string{"--role", "owner", "--person", "maria"}, []string{"the name admin is admin's"}, false},
		"two of the roles": {[]string{"--role", "owner,viewer"}, []string{`no role "owner,viewer"`}, true},
	} {
		_, err := i.command(t.Context(), append([]string{"admin", "create", "admin", "--out", file}, tt.args...)...)
		if err == nil || (exitCode(err) == 2) != tt.usage {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\nwant %q in it", name, err, want)
			}
		}
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if out, err := i.command(t.Context(), "admin", "list"); err != nil || strings.Count(out, "\n") != 2 {
		t.Errorf("list: %v\n%s", err, out)
	}
}

// TestRolesAreExplained: whoever asks for help reads what each role is.
func TestRolesAreExplained(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"admin", "create", "--help"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, r := range identity.Roles() {
		if !strings.Contains(out.String(), r.About()) {
			t.Errorf("the help does not say what %s is:\n%s", r, out.String())
		}
	}
}

// TestOtherInstallation starts a data folder with an authority of its own on
// the database of another.
func TestOtherInstallation(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		mine := install(t, dsn, nil)
		other := install(t, dbtest.DSN(t, sqldb.SQLite), nil)
		for _, i := range []*installation{mine, other} {
			if err := i.start(t).stop(); err != nil {
				t.Fatal(err)
			}
		}
		other.dsn = dsn
		err := serve(t.Context(), other.config(), io.Discard, nil)
		if err == nil || !strings.Contains(err.Error(), "the database belongs to another installation") || !strings.Contains(err.Error(), other.data) {
			t.Errorf("with the authority of another installation: %v", err)
		}
		if _, err := other.command(t.Context(), "admin", "list"); err == nil {
			t.Error("its administrators are listed")
		}
		mine.start(t).admin(t).token(t)
	})
}
