package identity_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/identity"
)

// granted is the whole table, written out a second time: every role, and what
// it may of all the verbs there are.
var granted = map[identity.Role]map[identity.Verb]bool{
	identity.Gateway: {
		identity.View: false, identity.Lock: false, identity.WipeApps: false, identity.Wipe: false,
		identity.Approve: false, identity.Stop: false, identity.Manage: false, identity.Govern: false, identity.Ask: true,
	},
	identity.Viewer: {
		identity.View: true, identity.Lock: false, identity.WipeApps: false, identity.Wipe: false,
		identity.Approve: false, identity.Stop: false, identity.Manage: false, identity.Govern: false, identity.Ask: false,
	},
	identity.HelpDesk: {
		identity.View: true, identity.Lock: true, identity.WipeApps: true, identity.Wipe: false,
		identity.Approve: false, identity.Stop: false, identity.Manage: false, identity.Govern: false, identity.Ask: false,
	},
	identity.Operator: {
		identity.View: true, identity.Lock: true, identity.WipeApps: true, identity.Wipe: true,
		identity.Approve: false, identity.Stop: true, identity.Manage: true, identity.Govern: false, identity.Ask: false,
	},
	identity.Approver: {
		identity.View: true, identity.Lock: false, identity.WipeApps: false, identity.Wipe: false,
		identity.Approve: true, identity.Stop: true, identity.Manage: false, identity.Govern: false, identity.Ask: false,
	},
	identity.Owner: {
		identity.View: true, identity.Lock: true, identity.WipeApps: true, identity.Wipe: true,
		identity.Approve: true, identity.Stop: true, identity.Manage: true, identity.Govern: true, identity.Ask: true,
	},
	"": {}, "admin": {}, "OWNER": {},
}

func TestRoleMay(t *testing.T) {
	for _, r := range identity.Roles() {
		if _, ok := granted[r]; !ok {
			t.Errorf("role %s is not in the test's table", r)
		}
	}
	for role, may := range granted {
		for _, v := range append(identity.Verbs(), "", "reign") {
			if got, want := role.May(v), may[v]; got != want {
				t.Errorf("Role(%q).May(%q) = %v, want %v", role, v, got, want)
			}
			for _, kind := range []identity.Kind{identity.Anonymous, identity.Device, identity.Admin, identity.App, identity.Client} {
				c := identity.Caller{Kind: kind, Role: role}
				if got, want := c.May(v), kind == identity.Admin && may[v]; got != want {
					t.Errorf("%s caller with role %q: May(%q) = %v, want %v", kind, role, v, got, want)
				}
			}
		}
	}
}

// No role but the owner's both asks for a wipe and approves one.
func TestNoRoleAsksAndApproves(t *testing.T) {
	for _, r := range identity.Roles() {
		asks := r.May(identity.Lock) || r.May(identity.WipeApps) || r.May(identity.Wipe)
		if asks && r.May(identity.Approve) && r != identity.Owner {
			t.Errorf("%s asks and approves", r)
		}
	}
}

func TestParseRole(t *testing.T) {
	for _, r := range identity.Roles() {
		got, err := identity.ParseRole(string(r))
		if err != nil || got != r {
			t.Errorf("ParseRole(%q) = %q, %v", r, got, err)
		}
		if r.About() == "" {
			t.Errorf("%s says nothing about itself", r)
		}
	}
	for _, text := range []string{"", "Owner", "helpdesk", "root", " owner"} {
		got, err := identity.ParseRole(text)
		if err == nil || got != "" {
			t.Errorf("ParseRole(%q) = %q, %v; want an error", text, got, err)
			continue
		}
		for _, r := range identity.Roles() {
			if !strings.Contains(err.Error(), string(r)) {
				t.Errorf("ParseRole(%q): %v does not name %s", text, err, r)
			}
		}
	}
	if got := identity.Role("root").About(); got != "" {
		t.Errorf("About of no role = %q", got)
	}
}

// What the functions give away is the caller's own to change.
func TestTablesAreCopies(t *testing.T) {
	identity.Roles()[0] = identity.Owner
	identity.Verbs()[0] = identity.Govern
	if diff := cmp.Diff(identity.Gateway, identity.Roles()[0]); diff != "" {
		t.Errorf("Roles after a change of its result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(identity.View, identity.Verbs()[0]); diff != "" {
		t.Errorf("Verbs after a change of its result (-want +got):\n%s", diff)
	}
}

func TestScope(t *testing.T) {
	tests := map[string]struct {
		caller     identity.Caller
		sales, hr  bool
		everywhere bool
	}{
		"nobody":                      {},
		"a phone in the group":        {caller: identity.Caller{Kind: identity.Device, Group: "sales"}},
		"an app in the group":         {caller: identity.Caller{Kind: identity.App, Group: "sales"}},
		"a client":                    {caller: identity.Caller{Kind: identity.Client}},
		"an administrator of all":     {caller: identity.Caller{Kind: identity.Admin}, sales: true, hr: true, everywhere: true},
		"an administrator of sales":   {caller: identity.Caller{Kind: identity.Admin, Groups: []string{"sales"}}, sales: true},
		"an administrator of both":    {caller: identity.Caller{Kind: identity.Admin, Groups: []string{"hr", "sales"}}, sales: true, hr: true},
		"an administrator of nothing": {caller: identity.Caller{Kind: identity.Admin, Groups: []string{}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := []bool{tt.caller.Reaches("sales"), tt.caller.Reaches("hr"), tt.caller.Everywhere()}
			if diff := cmp.Diff([]bool{tt.sales, tt.hr, tt.everywhere}, got); diff != "" {
				t.Errorf("Reaches sales, Reaches hr, Everywhere (-want +got):\n%s", diff)
			}
		})
	}
}
