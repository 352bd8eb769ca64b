package chaos

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"ringfence/agent/phone"
	agentwipe "ringfence/agent/wipe"
	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	auditv1 "ringfence/proto/mdm/audit/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// check prints what was done and whether each invariant holds.
func (w *world) check(ctx context.Context) error {
	w.report()
	orders, err := w.admins[0].orders(ctx)
	if err != nil {
		return err
	}
	byID := make(map[string]*wipev1.Order, len(orders))
	states := make(map[wipev1.State]int)
	for _, o := range orders {
		byID[o.GetId()] = o
		states[o.GetState()]++
	}
	for _, s := range slices.Sorted(maps.Keys(states)) {
		w.say("  orders %-28s %d", strings.ToLower(strings.TrimPrefix(s.String(), "STATE_")), states[s])
	}
	if states[wipev1.State_STATE_DONE] == 0 {
		w.violate(broken("nothing was wiped: the run shows nothing"))
	}
	entries, err := w.record(ctx)
	if err != nil {
		return err
	}
	for _, i := range []struct {
		name  string
		holds func() error
	}{
		{"nothing was seen to break while it went wrong", w.unbroken},
		{"no personal byte differs, and no work byte is gone without an order that was begun", w.disks},
		{"every order with a receipt was acted on exactly once, and no other one was finished", func() error { return w.once(byID) }},
		{"no order that was acknowledged to an administrator is lost", func() error { return w.kept(ctx, byID) }},
		{"nothing that was cancelled or stopped in time was acted on", func() error { return w.halted(byID) }},
		{"the audit log verifies, and continues every head that was seen", func() error { return nil }}, // by record
		{"the audit log tells the same story as the phones' disks", func() error { return w.story(entries, byID) }},
	} {
		if err := i.holds(); err != nil {
			w.say("BROKEN  %s:\n        %v", i.name, err)
			w.violate(err)
			continue
		}
		w.say("holds   %s", i.name)
	}
	return errors.Join(w.violations...)
}

// report says what was done.
func (w *world) report() {
	deaths, looks, acted := 0, 0, 0
	for _, h := range w.phones {
		deaths, looks, acted = deaths+h.deaths, looks+h.looks, acted+len(h.acted)
	}
	for i, s := range w.servers {
		starts, kills := s.counts()
		w.say("  server %d: %d starts, %d kills", i+1, starts, kills)
	}
	w.say("  connections cut %d times; %d lives of agents, %d killed; %d orders acted on", w.cuts, looks, deaths, acted)
	for _, a := range w.admins {
		for _, what := range slices.Sorted(maps.Keys(a.counts)) {
			w.say("  %-6s %-40s %d", a.name, what, a.counts[what])
		}
	}
}

func (w *world) unbroken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.violations...)
}

// disks looks at every phone's disk once more.
func (w *world) disks() error {
	var errs []error
	for _, h := range w.phones {
		p, err := phone.Open(h.dir, phone.Options{Now: h.now})
		if err != nil {
			return err
		}
		errs = append(errs, h.check(p), p.Close())
	}
	return errors.Join(errs...)
}

// once compares who acted with what the servers have.
func (w *world) once(byID map[string]*wipev1.Order) error {
	var errs []error
	acted := make(map[string]int)
	for _, h := range w.phones {
		for id, n := range h.acted {
			acted[id] += n
			o := byID[id]
			switch {
			case o == nil:
				errs = append(errs, broken("phone %d acted on order %s, which no server knows", h.n, id))
			case n != 1:
				errs = append(errs, broken("phone %d acted %d times on order %s", h.n, n, id))
			case o.GetState() == wipev1.State_STATE_CANCELLED || o.GetState() == wipev1.State_STATE_PENDING || o.GetState() == wipev1.State_STATE_DELIVERED:
				errs = append(errs, broken("phone %d acted on order %s, which is %s", h.n, id, o.GetState()))
			}
		}
	}
	for id, o := range byID {
		if done := o.GetState() == wipev1.State_STATE_DONE; done && acted[id] != 1 {
			errs = append(errs, broken("order %s is done, and was acted on %d times", id, acted[id]))
		} else if done && o.GetConfirmation() != wipev1.Confirmation_CONFIRMATION_CONFIRMED {
			errs = append(errs, broken("order %s is done without a receipt that verifies", id))
		}
	}
	return errors.Join(errs...)
}

// kept looks for every request that was acknowledged, and for the orders of those
// that were executed.
func (w *world) kept(ctx context.Context, byID map[string]*wipev1.Order) error {
	made := make(map[string]int)
	for _, o := range byID {
		made[o.GetRequestId()]++
	}
	var errs []error
	for _, a := range w.admins {
		for id := range a.requests {
			r, err := retried(ctx, func() (*wipev1.GetRequestResponse, error) {
				return a.ask.GetRequest(ctx, &wipev1.GetRequestRequest{Id: id})
			})
			if err != nil {
				errs = append(errs, broken("request %s was acknowledged to %s and is lost: %v", id, a.name, err))
				continue
			}
			if r.GetRequest().GetState() == wipev1.RequestState_REQUEST_STATE_EXECUTED && made[id] < len(r.GetDevices()) {
				errs = append(errs, broken("request %s was executed for %d devices, there are %d orders", id, len(r.GetDevices()), made[id]))
			}
		}
	}
	return errors.Join(errs...)
}

// halted looks that a cancel or a stop that was acknowledged held.
func (w *world) halted(byID map[string]*wipev1.Order) error {
	acted := make(map[string]bool)
	for _, h := range w.phones {
		for id := range h.acted {
			acted[id] = true
		}
	}
	var errs []error
	for _, a := range w.admins {
		for _, id := range a.cancelled {
			if acted[id] || byID[id].GetState() != wipev1.State_STATE_CANCELLED {
				errs = append(errs, broken("order %s was cancelled, is %s and acted on: %t", id, byID[id].GetState(), acted[id]))
			}
		}
		for _, o := range byID {
			if slices.Contains(a.stopped, o.GetRequestId()) && acted[o.GetId()] && o.GetState() == wipev1.State_STATE_CANCELLED {
				errs = append(errs, broken("order %s was stopped and acted on", o.GetId()))
			}
		}
	}
	return errors.Join(errs...)
}

// record fetches the audit log, whole, and verifies it.
func (w *world) record(ctx context.Context) ([]audit.Entry, error) {
	a := w.admins[0]
	head, err := a.head(ctx)
	if err != nil {
		return nil, err
	}
	c := ledger.NewChecker(w.heads...)
	var entries []audit.Entry
	for c.Size() < head.Size {
		page, err := retried(ctx, func() (*auditv1.ExportEntriesResponse, error) {
			return a.audit.ExportEntries(ctx, &auditv1.ExportEntriesRequest{After: c.Size(), TreeSize: head.Size, PageSize: 1000})
		})
		if err != nil {
			return nil, err
		}
		for _, leaf := range page.GetLeaves() {
			e, err := c.Add(leaf)
			if err != nil {
				return nil, broken("the audit log does not verify: %v", err)
			}
			entries = append(entries, e)
		}
	}
	w.say("  audit log: %d entries, %d heads remembered", head.Size, len(w.heads))
	if err := c.Done(head); err != nil {
		return nil, broken("the audit log does not verify: %v", err)
	}
	return entries, nil
}

// story compares the audit log with the phones' journals.
func (w *world) story(entries []audit.Entry, byID map[string]*wipev1.Order) error {
	told := make(map[string]map[string]int) // action: order: times
	for _, e := range entries {
		slice, _, _ := strings.Cut(e.Action, ".")
		_, rest, ok := strings.Cut(e.Detail, "order ")
		if slice != "wipe" || !ok {
			continue
		}
		id, _, _ := strings.Cut(rest, " ")
		if told[e.Action] == nil {
			told[e.Action] = make(map[string]int)
		}
		told[e.Action][strings.TrimSuffix(id, ":")]++
	}
	var errs []error
	for id, o := range byID {
		want := 0
		if o.GetState() == wipev1.State_STATE_DONE {
			want = 1
		}
		if got := told["wipe.done"][id]; got != want {
			errs = append(errs, broken("order %s is %s, the log says %d times that it is done", id, o.GetState(), got))
		}
		if told["wipe.order"][id] != 1 {
			errs = append(errs, broken("the log says %d times that order %s was given", told["wipe.order"][id], id))
		}
	}
	for _, h := range w.phones {
		for id, phase := range h.phases {
			promised := told["wipe.acknowledge"][id] + told["wipe.commit"][id]
			if h.acted[id] > 0 && promised != 1 {
				errs = append(errs, broken("phone %d acted on order %s, the log says %d times that it promised to", h.n, id, promised))
			}
			if phase == agentwipe.Cancelled && h.acted[id] > 0 {
				errs = append(errs, broken("phone %d: order %s was cancelled and acted on", h.n, id))
			}
		}
	}
	return errors.Join(errs...)
}
