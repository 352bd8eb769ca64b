package rpc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"ringfence/internal/identity"
)

// TestAllow is one kind of row after the other, and everybody at its door.
func TestAllow(t *testing.T) {
	admins := []identity.Kind{identity.Admin}
	admin := func(r identity.Role, groups ...string) identity.Caller {
		return identity.Caller{Kind: identity.Admin, Role: r, Groups: groups}
	}
	rows := map[string]Rule{
		"devices":    {Callers: []identity.Kind{identity.Device}},
		"view":       {Callers: admins, Verbs: []identity.Verb{identity.View}},
		"some wipe":  {Callers: admins, Verbs: []identity.Verb{identity.Lock, identity.Wipe}},
		"everywhere": {Callers: admins, Verbs: []identity.Verb{identity.Manage}, Everywhere: true},
		"no verb":    {Callers: admins},
	}
	tests := []struct {
		row    string
		caller identity.Caller
		want   string // the reason; "" is allowed
	}{
		{"devices", identity.Caller{Kind: identity.Device}, ""},
		{"devices", identity.Caller{}, CertificateRequired},
		{"devices", admin(identity.Owner), "CALLER_NOT_ALLOWED"},
		{"view", admin(identity.Viewer), ""},
		{"view", admin(identity.Viewer, "sales"), ""},
		{"view", admin(""), RoleMayNot},
		{"view", admin("root"), RoleMayNot},
		{"view", identity.Caller{Kind: identity.Device, Role: identity.Owner}, "CALLER_NOT_ALLOWED"},
		{"view", identity.Caller{}, CertificateRequired},
		{"some wipe", admin(identity.Viewer), RoleMayNot},
		{"some wipe", admin(identity.HelpDesk), ""},
		{"some wipe", admin(identity.Operator), ""},
		{"some wipe", admin(identity.Approver), RoleMayNot},
		{"everywhere", admin(identity.Operator), ""},
		{"everywhere", admin(identity.Operator, "sales"), OutOfScope},
		{"everywhere", identity.Caller{Kind: identity.Admin, Role: identity.Operator, Groups: []string{}}, OutOfScope},
		{"everywhere", admin(identity.Viewer, "sales"), RoleMayNot},
		{"no verb", admin(identity.Owner), RoleMayNot},
	}
	for _, tt := range tests {
		rule := rows[tt.row]
		err := rule.allow(&tt.caller, "/a/b")
		got := ""
		if err != nil {
			got = outcomeOf(err).reason
		}
		if got != tt.want {
			t.Errorf("row %q, caller %+v: %v, want reason %q", tt.row, tt.caller, err, tt.want)
		}
	}
}

// TestRefusalsSayWhatToDo: whom it stops learns what is missing and who gives it.
func TestRefusalsSayWhatToDo(t *testing.T) {
	rule := Rule{
		Callers: []identity.Kind{identity.Admin}, Everywhere: true,
		Verbs: []identity.Verb{identity.Wipe, identity.WipeApps},
	}
	tests := map[string]struct {
		caller identity.Caller
		want   outcome
	}{
		"role": {identity.Caller{Kind: identity.Admin, Role: identity.Viewer}, outcome{
			code: codes.PermissionDenied, reason: RoleMayNot,
			message: "the role viewer may not wipe or wipe-apps; a credential with the role help-desk or operator or owner may: " +
				"it is made on the server, with mdm-server admin create NAME --role ROLE",
		}},
		"groups": {identity.Caller{Kind: identity.Admin, Role: identity.Owner, Groups: []string{"hr", "sales"}}, outcome{
			code: codes.PermissionDenied, reason: OutOfScope,
			message: "this concerns the whole installation, and the credential is for the group hr, sales only; " +
				"one for every group is made on the server, with mdm-server admin create NAME --role owner",
		}},
	}
	for name, tt := range tests {
		got := outcomeOf(rule.allow(&tt.caller, "/a/b"))
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFaultsOfRules(t *testing.T) {
	admins, devices := []identity.Kind{identity.Admin}, []identity.Kind{identity.Device}
	view := []identity.Verb{identity.View}
	tests := map[string]struct {
		rule Rule
		want string
	}{
		"of devices":                {Rule{Callers: devices}, ""},
		"of administrators":         {Rule{Callers: admins, Verbs: view, Everywhere: true}, ""},
		"of nobody":                 {Rule{}, "lets nobody in"},
		"without a verb":            {Rule{Callers: admins}, "lets administrators in and names no verb"},
		"with verbs for devices":    {Rule{Callers: devices, Verbs: view}, "asks something of administrators and does not let them in"},
		"everywhere, for devices":   {Rule{Callers: devices, Everywhere: true}, "asks something of administrators and does not let them in"},
		"with a verb there is not":  {Rule{Callers: admins, Verbs: []identity.Verb{"reign"}}, `names the verb "reign", which there is not`},
		"with an empty verb beside": {Rule{Callers: admins, Verbs: []identity.Verb{identity.View, ""}}, `names the verb "", which there is not`},
	}
	for name, tt := range tests {
		if got := strings.Join(tt.rule.faults(), "; "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
