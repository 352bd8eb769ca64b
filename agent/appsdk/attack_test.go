package appsdk

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/agent/appsdk/appsdktest"
	"ringfence/internal/apprules"
	"ringfence/internal/pki"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// TestLeaseThatIsNot: an answer whose lease or policy does not hold changes
// nothing: neither opens an account that has no lease, nor replaces the one that
// an account has, nor counts as contact.
func TestLeaseThatIsNot(t *testing.T) {
	other, err := pki.OpenAuthority(t.TempDir(), newClocks().server)
	if err != nil {
		t.Fatal(err)
	}
	type edits struct {
		lease  func(*appprotectv1.LeaseToSign)
		answer func(*appprotectv1.CheckInResponse)
	}
	lease := func(fn func(*appprotectv1.LeaseToSign)) edits { return edits{lease: fn} }
	answer := func(fn func(*appprotectv1.CheckInResponse)) edits { return edits{answer: fn} }
	resign := func(sign func([]byte) ([]byte, error)) edits {
		return answer(func(r *appprotectv1.CheckInResponse) {
			content, err := pki.VerifyLease(r.GetLease().GetSignedData(), nil, time.Time{})
			if err == nil || content != nil {
				panic("a lease without roots holds")
			}
			if r.Lease.SignedData, err = sign(kept1); err != nil {
				panic(err)
			}
		})
	}
	for name, e := range map[string]edits{
		"another registration's": lease(func(m *appprotectv1.LeaseToSign) { m.RegistrationId = strings.Repeat("f", 32) }),
		"another epoch's":        lease(func(m *appprotectv1.LeaseToSign) { m.Epoch++ }),
		"an older number":        lease(func(m *appprotectv1.LeaseToSign) { m.Number-- }),
		"a number to come":       lease(func(m *appprotectv1.LeaseToSign) { m.Number += 5 }),
		"another form":           lease(func(m *appprotectv1.LeaseToSign) { m.Format = "ringfence.wipe.order.v1" }),
		"another policy":         lease(func(m *appprotectv1.LeaseToSign) { m.PolicyRevision = strings.Repeat("0", 64) }),
		"no policy":              lease(func(m *appprotectv1.LeaseToSign) { m.PolicyRevision = "" }),
		"a term of nothing":      lease(func(m *appprotectv1.LeaseToSign) { m.BlockAfter = durationpb.New(0) }),
		"a term below nothing":   lease(func(m *appprotectv1.LeaseToSign) { m.WipeAfter = durationpb.New(-time.Hour) }),
		"no time":                lease(func(m *appprotectv1.LeaseToSign) { m.IssuedAt = nil }),
		"no standing":            lease(func(m *appprotectv1.LeaseToSign) { m.Standing = 0 }),
		"a standing to come":     lease(func(m *appprotectv1.LeaseToSign) { m.Standing = 9 }),
		"more than is known":     lease(func(m *appprotectv1.LeaseToSign) { m.ProtoReflect().SetUnknown([]byte{0xf8, 0x3f, 0x01}) }),
		"none":                   answer(func(r *appprotectv1.CheckInResponse) { r.Lease = nil }),
		"garbage":                answer(func(r *appprotectv1.CheckInResponse) { r.Lease.SignedData = []byte("lease") }),
		"a bit is another":       answer(func(r *appprotectv1.CheckInResponse) { r.Lease.SignedData[len(r.Lease.SignedData)-9] ^= 1 }),
		"another authority's":    resign(other.SignLease),
		"a policy that was weakened": answer(func(r *appprotectv1.CheckInResponse) {
			r.Policy = appsdktest.Wire(policyOf(t))
		}),
		"a weakened policy under the old name": answer(func(r *appprotectv1.CheckInResponse) {
			r.Policy = appsdktest.Wire(policyOf(t))
			r.Policy.Revision = r.GetPolicyRevision()
		}),
		"a policy of which a setting is missing": answer(func(r *appprotectv1.CheckInResponse) {
			if r.Policy != nil {
				r.Policy.Settings = r.Policy.GetSettings()[1:]
			} else {
				r.Lease = nil
			}
		}),
		"a policy with a setting twice": answer(func(r *appprotectv1.CheckInResponse) {
			r.Policy = appsdktest.Wire(policyOf(t, "data.print_blocked=true"))
			r.Policy.Settings = append(r.Policy.Settings, r.Policy.GetSettings()[0])
		}),
		"a policy with a setting that is none": answer(func(r *appprotectv1.CheckInResponse) {
			r.Policy = appsdktest.Wire(policyOf(t, "data.print_blocked=true"))
			r.Policy.Settings = append(r.Policy.Settings, &appprotectv1.Setting{Key: "data.all", Values: []string{"true"}})
		}),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.server.SetPolicy(policyOf(t, "data.print_blocked=true", "access.pin_required=false"))
			b.server.Do(func() { b.server.EditLease, b.server.EditCheckIn = e.lease, e.answer })
			kept1, err = proto.Marshal(&appprotectv1.LeaseToSign{Format: "ringfence.appprotect.lease.v1"})
			if err != nil {
				t.Fatal(err)
			}
			b.register()
			b.expect(EventLaunch, "block go_online")
			if b.May(&Transfer{Gate: GateScreen}).Allowed {
				t.Error("a gate is open without a policy")
			}
			b.server.Do(func() { b.server.EditLease, b.server.EditCheckIn = nil, nil })
			b.sync()
			b.expect(EventLaunch, "proceed")
			kept, policy := *b.st.Lease, string(b.st.Policy)
			b.clocks.pass(time.Hour)
			b.server.Do(func() { b.server.EditLease, b.server.EditCheckIn = e.lease, e.answer })
			if err := b.Sync(); err == nil {
				t.Error("it was no error")
			}
			if *b.st.Lease != kept || string(b.st.Policy) != policy || b.st.Silence.Longest() < 0 {
				t.Errorf("it was taken: %+v", b.st.Lease)
			}
			b.expect(EventLaunch, "proceed")
			if b.MayPrint() {
				t.Error("the policy is another")
			}
			b.clocks.pass(23 * time.Hour) // a day since contact
			b.expect(EventLaunch, "block go_online")
		})
	}
}

// kept1 is what a forger signs.
var kept1 []byte

// TestReplayedAnswer: the answer to one report is none to the next.
func TestReplayedAnswer(t *testing.T) {
	b := readyBench(t)
	var first *appprotectv1.CheckInResponse
	b.server.Do(func() {
		b.server.EditCheckIn = func(r *appprotectv1.CheckInResponse) {
			if first == nil {
				first = proto.CloneOf(r)
				return
			}
			proto.Reset(r)
			proto.Merge(r, first)
		}
	})
	b.sync()
	number := b.st.Lease.Number
	if err := b.Sync(); err == nil || b.st.Lease.Number != number {
		t.Errorf("error %v, lease %d after %d", err, b.st.Lease.Number, number)
	}
}

// TestOldPolicyUnderNewLease: a policy that was kept is not used with a lease
// that names another.
func TestOldPolicyUnderNewLease(t *testing.T) {
	b := newBench(t)
	b.server.SetPolicy(policyOf(t, "access.pin_required=false"))
	b.register()
	b.expect(EventLaunch, "proceed")
	if err := b.locked(func(st *state) error {
		st.Lease.Revision = policyOf(t, "data.print_blocked=true").Revision()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b.expect(EventLaunch, "block no_policy")
	if b.MayPrint() {
		t.Error("a gate is open")
	}
}

// TestUngoverned: where no policy applies the account stays shut.
func TestUngoverned(t *testing.T) {
	b := newBench(t)
	b.server.SetPolicy(apprules.Seal(apprules.Settings{}, apprules.Config{}, false))
	b.register()
	b.expect(EventLaunch, "block ask_for_policy")
	if b.MayPrint() {
		t.Error("a gate is open")
	}
}

// TestServersVerdict: what only the server knows counts until it is heard again;
// what the phone knows better is judged here.
func TestServersVerdict(t *testing.T) {
	finding := func(check string, action appprotectv1.Standing) []*appprotectv1.Finding {
		return []*appprotectv1.Finding{{Check: check, Action: action, RemedyKey: "r"}}
	}
	const warn, block, wipe = appprotectv1.Standing_STANDING_WARN, appprotectv1.Standing_STANDING_BLOCK, appprotectv1.Standing_STANDING_WIPE
	for _, c := range []struct {
		standing appprotectv1.Standing
		findings []*appprotectv1.Finding
		want     string
	}{
		{block, finding("launch.account_disabled", block), "block r"},
		{wipe, finding("launch.account_disabled", wipe), "block wipe_pending"},
		{warn, finding("launch.clocked_out", warn), "warn r"},
		{block, finding("launch.of_tomorrow", block), "block r"},
		{block, finding("launch.os_version", block), "proceed"},
		{wipe, finding("launch.os_version", wipe), "block wipe_pending"},
		{block, nil, "block go_online"},
		{wipe, nil, "block wipe_pending"},
	} {
		b := newBench(t)
		b.server.SetPolicy(policyOf(t, "access.pin_required=false"))
		b.server.Do(func() { b.server.Standing, b.server.Findings = c.standing, c.findings })
		b.register()
		b.expect(EventLaunch, c.want)
	}
}
