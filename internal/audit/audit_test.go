package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/identity"
)

// TestOf: who is behind a context is who did it; without anybody, the server.
func TestOf(t *testing.T) {
	alice := identity.Caller{Kind: identity.Admin, Name: "alice", Serial: "aa", Peer: "192.0.2.1", RequestID: "r1"}
	want := Entry{Actor: "admin:alice", Action: "a.b", Target: "c/d", Detail: "e", RequestID: "r1", Peer: "192.0.2.1", Credential: "aa"}
	if diff := cmp.Diff(want, Of(identity.With(t.Context(), alice), "a.b", "c/d", "e")); diff != "" {
		t.Errorf("of an administrator (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Server("a.b", "c/d", "e"), Of(t.Context(), "a.b", "c/d", "e")); diff != "" {
		t.Errorf("of nobody (-want +got):\n%s", diff)
	}
}
