package wipedb

import (
	"errors"
	"time"

	"pgregory.net/rapid"

	"ringfence/internal/device"
	"ringfence/internal/wipe"
)

// verdict is one that says that the data shall go.
func (m *model) verdict(t *rapid.T) {
	epoch := m.epoch + device.Epoch(rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "epochs ahead"))
	first, want := m.ruled(epoch)
	o, err := m.service.WipeByPolicy(admin(t.Context(), "alice"), m.id, epoch, "rooted")
	switch {
	case !errors.Is(err, want) || want == nil && err != nil:
		t.Fatalf("a verdict: got error %v, want %v", err, want)
	case want != nil:
	case first != nil && o.ID != first.id:
		t.Fatalf("a verdict: got order %s, want %s", o.ID, first.id)
	case first == nil:
		m.note([]wipe.Order{o}, "a").notAfter = m.now.Add(wipe.DefaultLifetime)
	}
}

// ruled gives the order that stands in the way of another, or what a verdict is
// refused with; neither if there will be one more.
func (m *model) ruled(epoch device.Epoch) (*modelOrder, error) {
	switch {
	case !m.account:
		return nil, wipe.ErrScopeNotForMode
	case epoch != m.epoch:
		return nil, wipe.ErrEpochMoved
	}
	for _, o := range m.byNumber() {
		if o.epoch == epoch && !o.settled && !o.late(*m.now) {
			return o, nil
		}
	}
	if n := len(m.orders); n > 0 && m.orders[n-1].epoch == epoch {
		last := m.orders[n-1]
		ended := last.changed
		if last.late(*m.now) {
			ended = last.notAfter
		}
		if last.state != "done" && m.now.Before(ended.Add(24*time.Hour)) {
			return last, nil
		}
	}
	switch {
	case m.paused:
		return nil, wipe.ErrBreakerOpen
	case !m.enrolled:
		return nil, wipe.ErrNotEnrolled
	}
	return nil, nil
}
