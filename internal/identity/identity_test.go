package identity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/identity"
)

// Every kind has a word of its own, and the record tells them apart even where
// their ids are the same.
func TestKinds(t *testing.T) {
	type words struct{ Kind, Actor string }
	want := []words{
		{"anonymous", "anonymous"},
		{"device", "device:0001"},
		{"admin", "admin:alice"},
		{"app", "app:0001"},
		{"client", "client:alice"},
	}
	var got []words
	for k := range identity.Kind(identity.Kinds) {
		c := identity.Caller{Kind: k, Device: "0001", Name: "alice", Package: "com.example.mail", User: "bob@example.com"}
		got = append(got, words{c.Kind.String(), c.Actor()})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds and actors (-want +got):\n%s", diff)
	}
}

func TestContext(t *testing.T) {
	want := identity.Caller{
		Kind: identity.App, Device: "0001", Epoch: 3, User: "bob@example.com", Package: "com.example.mail",
	}
	if diff := cmp.Diff(want, identity.From(identity.With(t.Context(), want))); diff != "" {
		t.Errorf("caller of the context (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(identity.Caller{}, identity.From(t.Context())); diff != "" {
		t.Errorf("caller of an empty context (-want +got):\n%s", diff)
	}
}
