package chaos

import (
	"errors"
	"io"
	"strings"
	"testing"

	agentwipe "ringfence/agent/wipe"
	"ringfence/internal/audit"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestInvariantsCanBreak: each check finds what it is there to find.
func TestInvariantsCanBreak(t *testing.T) {
	done := &wipev1.Order{
		Id: "order-one", State: wipev1.State_STATE_DONE, Confirmation: wipev1.Confirmation_CONFIRMATION_CONFIRMED, RequestId: "request-1",
	}
	cancelled := &wipev1.Order{Id: "order-two", State: wipev1.State_STATE_CANCELLED, RequestId: "request-2"}
	orders := map[string]*wipev1.Order{done.GetId(): done, cancelled.GetId(): cancelled}
	told := []audit.Entry{
		{Action: "wipe.order", Detail: "order order-one for epoch 1 (work profile): a test"},
		{Action: "wipe.order", Detail: "order order-two for epoch 1 (work profile): a test"},
		{Action: "wipe.commit", Detail: "order order-one (work profile): 3 files"},
		{Action: "wipe.done", Detail: "order order-one (work profile): 3 files"},
	}
	good := func() (*world, *handset, *administrator) {
		w := newWorld(Options{Now: nil}, io.Discard)
		h := &handset{world: w, acted: map[string]int{"order-one": 1}, phases: map[string]agentwipe.Phase{"order-one": agentwipe.Finished}}
		a := &administrator{name: "alice", world: w, cancelled: []string{"order-two"}}
		w.phones, w.admins = []*handset{h}, []*administrator{a}
		return w, h, a
	}
	all := func(w *world, entries []audit.Entry) error {
		return errors.Join(w.once(orders), w.halted(orders), w.story(entries, orders))
	}
	w, _, _ := good()
	if err := all(w, told); err != nil {
		t.Fatalf("a good world: %v", err)
	}
	for _, tt := range []struct {
		name   string
		change func(w *world, h *handset, a *administrator) []audit.Entry
		want   string
	}{
		{"acted twice", func(_ *world, h *handset, _ *administrator) []audit.Entry { h.acted["order-one"] = 2; return told }, "acted 2 times"},
		{"done and never acted on", func(_ *world, h *handset, _ *administrator) []audit.Entry { delete(h.acted, "order-one"); return told }, "acted on 0 times"},
		{"acted on without an order", func(_ *world, h *handset, _ *administrator) []audit.Entry { h.acted["nobody's"] = 1; return told }, "no server knows"},
		{"acted on what was cancelled", func(_ *world, h *handset, _ *administrator) []audit.Entry { h.acted["order-two"] = 1; return told }, "was cancelled"},
		{"a cancel that did not hold", func(_ *world, _ *handset, a *administrator) []audit.Entry {
			a.cancelled = append(a.cancelled, "order-one")
			return told
		}, "order order-one was cancelled"},
		{"an end that is not in the log", func(*world, *handset, *administrator) []audit.Entry { return told[:3] }, "0 times that it is done"},
		{"a promise that is not in the log", func(*world, *handset, *administrator) []audit.Entry {
			return append([]audit.Entry{told[3]}, told[:2]...)
		}, "promised"},
		{"an order that is not in the log", func(*world, *handset, *administrator) []audit.Entry { return told[1:] }, "was given"},
	} {
		w, h, a := good()
		if err := all(w, tt.change(w, h, a)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want one that says %q", tt.name, err, tt.want)
		}
	}
}
