package transmit_test

import (
	"testing"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
)

// TestUnknownHands: where nobody was told whose the phone was, what its next
// enrolment ends is everybody's; only what begins is the new user's.
func TestUnknownHands(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db, plan{})
		st := w.polling()
		w.start()
		joined := audit.Server("enroll.join", "device/"+string(phone), "epoch 2, company fully-managed, group a, token t, cut epoch 1 short")
		w.record(joined)
		w.pending(st.ID, 2)
		bob := map[string]any{"format": "email", "email": "bob@example.com"}
		got := map[string]any{}
		for _, token := range w.poll(st.ID, transmit.PollRequest{}).Sets {
			s := read(t, token)
			got[s.kind()] = s.Subject["user"]
		}
		check(t, "whose", map[string]any{"session-revoked": nil, "credential-change": bob}, got)
	})
}

// TestDrainedPolls: a service that is drained has nobody wait.
func TestDrainedPolls(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{})
	st := w.polling()
	for range 2 {
		w.service.Drain()
		a, err := w.service.Poll(t.Context(), owner, st.ID, transmit.PollRequest{})
		check(t, "drained", []any{transmit.PollAnswer{Sets: map[string]string{}}, nil}, []any{a, err})
	}
}
