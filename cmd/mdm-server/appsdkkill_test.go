package main

import (
	"sync"
	"testing"

	"ringfence/agent/appsdk"
	"ringfence/internal/sqldb/dbtest"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *admin) state(tb testing.TB, order string) wipev1.State {
	tb.Helper()
	return must[*wipev1.GetWipeResponse](tb)(a.wipe.GetWipe(tb.Context(), &wipev1.GetWipeRequest{Id: order})).GetOrder().GetState()
}

// over reports whether an order has ended without having been carried out.
func (a *admin) over(tb testing.TB, order string) bool {
	return a.state(tb, order) == wipev1.State_STATE_EXPIRED
}

// TestSDKServerKilled: a server that dies between an app's promise and its receipt
// has kept the promise; the app finishes without it, in another life if need be,
// and the receipt comes as soon as there is a server to take it.
func TestSDKServerKilled(t *testing.T) {
	for name, relaunch := range map[string]bool{"the app goes on": false, "the app is launched anew": true} {
		t.Run(name, func(t *testing.T) {
			dbtest.EachDSN(t, func(t *testing.T, dsn string) {
				p := provide(t)
				i := install(t, dsn, trusting(p))
				s := i.start(t)
				a := s.admin(t)
				a.guard(t, "mail", map[string]any{})
				g := s.installs(t, p, "erin@example.com")
				g.works(t)
				before, id := g.personal(t), a.known(t, g.User()).GetId()
				order := a.order(t, id, appData(mailPackage)).GetId()
				if err := s.stop(); err != nil {
					t.Fatal(err)
				}
				start := func() *serverProcess {
					proc := startProcess(t, i.data, "--database", dsn, "--device-listen", g.options.Server)
					proc.credential = loadCredential(t, i.data)
					return proc
				}
				proc := start()
				kill := sync.OnceFunc(proc.kill)
				g.keys.Fail = func(op, name string) error {
					if op == "destroy" && name == "work.files" {
						kill() // the promise is given, and nothing has gone yet
					}
					return nil
				}
				if err := g.Sync(); err == nil {
					t.Fatal("there was a server to take the receipt")
				}
				g.gone(t)
				if relaunch {
					g.launch(t)
				}
				g.expect(t, appsdk.EventLaunch, "wiped wiped_by_order")

				a = start().admin(t)
				if got := a.state(t, order); got != wipev1.State_STATE_ACKNOWLEDGED {
					t.Errorf("after the kill the order is %v", got)
				}
				g.syncs(t)
				a.wiped(t, id, order)
				if g.personal(t) != before {
					t.Error("the personal account changed")
				}
			})
		})
	}
}
