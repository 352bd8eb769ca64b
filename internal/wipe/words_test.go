package wipe

import (
	"testing"
	"time"
)

// TestOneAndSeveral: what is said of one thing is not said of several.
func TestOneAndSeveral(t *testing.T) {
	request := Request{ID: "request-1", State: Waiting}
	standing := Request{Kind: UserWipe, Scope: OfWorkProfile()}
	one, two := standing, standing
	one.Devices, two.Devices = make([]Enrollment, 1), make([]Enrollment, 2)
	opened := Breaker{}.strained(Limits{BreakerPercent: 1, BreakerWindow: time.Hour}, 0, 1, 1, monday)
	for _, tt := range []struct{ got, want string }{
		{several(0, "device"), "0 devices"},
		{several(1, "device"), "1 device"},
		{several(uint32(2), "device"), "2 devices"},
		{several(uint64(1), "order"), "1 order"},
		{Hint(request, 1), "one other person approves it with: mdmctl approve request request-1"},
		{Hint(request, 2), "one of 2 other persons approves it with: mdmctl approve request request-1"},
		{standing.Summary(), "everything of one person: work profile of 0 devices so far, until lifted"},
		{one.Summary(), "everything of one person: work profile of 1 device so far, until lifted"},
		{two.Summary(), "everything of one person: work profile of 2 devices so far, until lifted"},
		{opened.Why, "1 order within 1h0m0s, and at most 0 of 1 enrolled device may get one"},
		{days(24 * time.Hour), "1 day"},
		{days(48 * time.Hour), "2 days"},
		{days(36 * time.Hour), "36h0m0s"},
		{
			Receipt{Packages: []string{"a.b"}, Files: 1, Bytes: 1, Keys: 1, Certificates: 1}.String(),
			"removed the work data of 1 app: 1 file, 1 byte, 1 key, 1 certificate",
		},
		{
			Commitment{Files: 2}.String(),
			"will remove the work data of 0 apps: 2 files, 0 bytes, 0 keys, 0 certificates",
		},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
