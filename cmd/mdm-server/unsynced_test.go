package main

import (
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/agent/appsdk"
	"ringfence/internal/signin/signintest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// outbox is what an app has not sent to its server yet.
type outbox struct{ n atomic.Int64 }

func (o *outbox) UnsyncedChanges() int64 { return o.n.Load() }

// warned gives what a plan says would be lost, by device or registration and app.
func warned(devices ...*wipev1.PlannedDevice) map[string]map[string]uint32 {
	lost := map[string]map[string]uint32{}
	for _, d := range devices {
		lost[d.GetDeviceId()] = map[string]uint32{}
		for _, app := range d.GetUnsynced() {
			lost[d.GetDeviceId()][app.GetPackage()] = app.GetChanges()
		}
	}
	return lost
}

// TestUnsyncedInApps: before a wipe an administrator sees what would be lost, in
// the work account of an app on a phone that nobody enrolled as in a work profile.
func TestUnsyncedInApps(t *testing.T) {
	pairApps(t, func(t *testing.T, one, two *server, p *signintest.Provider) {
		const erin = "erin@example.com"
		a := two.admin(t)
		a.guard(t, "mail", map[string]any{"access.pin_required": false})
		box := &outbox{}
		g := one.installs(t, p, erin, func(o *appsdk.Options) { o.Work = box })
		g.signsIn(t)
		silent := one.registers(t, p, "otto@example.com") // has not reported
		h := one.join(t, a.token(t, func(r *enrollv1.CreateTokenRequest) { r.User = erin }))
		report := report(one.clock.now(), 8, "")
		report.Posture.WorkApps = []*compliancev1.WorkApp{{Package: "com.example.crm", UnsyncedChanges: 5}, {Package: mailPackage}}
		must[*compliancev1.CheckInResponse](t)(h.compliance.CheckIn(t.Context(), report))
		id := a.known(t, erin).GetId()

		// wants sees the plans for everything of hers, for her account alone, and for
		// accounts by their ids.
		wants := func(when string, changes uint32) {
			t.Helper()
			account := map[string]uint32{}
			if changes > 0 {
				account[mailPackage] = changes
			}
			hers := must[*wipev1.PlanWipesResponse](t)(a.requests.PlanWipes(t.Context(), &wipev1.PlanWipesRequest{
				Target: ofUser(erin), Scope: workProfile, Standing: true,
			}))
			alone := must[*wipev1.PlanWipeResponse](t)(a.wipe.PlanWipe(t.Context(), &wipev1.PlanWipeRequest{
				DeviceId: id, Scope: appData(mailPackage),
			}))
			both := must[*wipev1.PlanWipesResponse](t)(a.requests.PlanWipes(t.Context(), &wipev1.PlanWipesRequest{
				Target: ofDevices(&handset{id: id}, &silent.handset), Scope: appData(mailPackage),
			}))
			for plan, tt := range map[string]struct{ want, got map[string]map[string]uint32 }{
				"everything of hers": {map[string]map[string]uint32{id: account, h.id: {"com.example.crm": 5}}, warned(hers.GetDevices()...)},
				"her account":        {map[string]map[string]uint32{id: account}, warned(alone.GetDevice())},
				"accounts":           {map[string]map[string]uint32{id: account, silent.id: {}}, warned(both.GetDevices()...)},
			} {
				if diff := cmp.Diff(tt.want, tt.got); diff != "" {
					t.Errorf("%s, %s (-want +got):\n%s", when, plan, diff)
				}
			}
		}
		wants("before it has anything", 0)
		box.n.Store(3)
		g.syncs(t)
		wants("with three unsent mails", 3)
		box.n.Store(1 << 40)
		g.syncs(t)
		wants("with more than a report tells of", 1_000_000)
		box.n.Store(0)
		g.syncs(t)
		wants("when it has sent them", 0)
	})
}
