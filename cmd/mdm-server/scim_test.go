package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"ringfence/internal/signin/signintest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// provisioner is an identity provider's SCIM client.
type provisioner struct {
	url, token string
	http       http.Client
}

func (s *server) provisioner(tb testing.TB) *provisioner {
	tb.Helper()
	_, secret, err := s.parts.scimTokens.Create(tb.Context(), "idp")
	if err != nil {
		tb.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots(tb), MinVersion: tls.VersionTLS13}}
	tb.Cleanup(transport.CloseIdleConnections)
	return &provisioner{url: "https://" + s.at.SCIM + "/scim/v2", token: secret, http: http.Client{Transport: transport, Timeout: patience}}
}

// call sends a body and gives status and answer.
func (p *provisioner) call(tb testing.TB, method, path, body string) (int, map[string]any) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, p.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/scim+json")
	res, err := p.http.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	text := must[[]byte](tb)(io.ReadAll(res.Body))
	answer := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			tb.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return res.StatusCode, answer
}

// hire makes a user and gives the path.
func (p *provisioner) hire(tb testing.TB, name string) string {
	tb.Helper()
	status, user := p.call(tb, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`","active":true}`)
	if status != http.StatusCreated {
		tb.Fatalf("create %s: %d %v", name, status, user)
	}
	return "/Users/" + user["id"].(string)
}

func (p *provisioner) activate(tb testing.TB, path string, active bool) {
	tb.Helper()
	value := "false"
	if active {
		value = "true"
	}
	status, answer := p.call(tb, http.MethodPatch, path,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":`+value+`}]}`)
	if status != http.StatusOK {
		tb.Fatalf("PATCH %s: %d %v", path, status, answer)
	}
}

// TestDisabledAccount: what the identity provider says of a person is felt by the
// person's apps over their open Watch, and by the next sign-in.
func TestDisabledAccount(t *testing.T) {
	pairApps(t, func(t *testing.T, one, two *server, p *signintest.Provider) {
		a, idp := one.admin(t), one.provisioner(t)
		a.guard(t, "mail", map[string]any{"launch.account_disabled": "block"})
		erin := idp.hire(t, "Erin@Example.com")
		m := two.registers(t, p, "erin@example.com")
		if got := m.stands(t); got != fit {
			t.Fatalf("an active person stands %v", got)
		}
		stream := must[appprotectv1.AppService_WatchClient](t)(m.app.Watch(t.Context(), &appprotectv1.WatchRequest{}))
		must[*appprotectv1.WatchResponse](t)(stream.Recv())

		idp.activate(t, erin, false)
		if one == two { // with another server the tick sees it: see below
			must[*appprotectv1.WatchResponse](t)(stream.Recv())
		}
		if got := m.stands(t); got != blocked {
			t.Errorf("a disabled person stands %v", got)
		}
		ask := one.asks(t, p, "erin@example.com")
		_, err := ask.client.Register(t.Context(), ask.RegisterRequest)
		wantStatus(t, "a disabled person signs in", err, codes.FailedPrecondition, "PERSON_DISABLED")
		idp.activate(t, erin, true)
		if got := m.stands(t); got != fit {
			t.Errorf("an active person stands %v", got)
		}

		// Where the policy says wipe, deletion is an order, without a report.
		a.guard(t, "mail", map[string]any{"launch.account_disabled": "wipe"})
		m.stands(t)
		if status, answer := idp.call(t, http.MethodDelete, erin, ""); status != http.StatusNoContent {
			t.Fatalf("DELETE: %d %v", status, answer)
		}
		eventually(t, "the order", func() (bool, error) {
			res, err := m.wipe.FetchOrders(t.Context(), &wipev1.FetchOrdersRequest{})
			return len(res.GetOrders()) == 1, err
		})
		m.wipes(t)
	})
}

// TestGroupsFollowTheDirectory: a policy for a group is for whom the directory
// has in it, and of what the ID token said nothing is left.
func TestGroupsFollowTheDirectory(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a, idp := s.admin(t), s.provisioner(t)
		everybody := appPolicy(t, "all", map[string]any{})
		sales := appPolicy(t, "sales", map[string]any{"launch.os_version.block": "99"})
		sales.Spec.Target.Include = &appprotectv1.Audience{Groups: []string{"sales"}}
		for _, r := range []*appprotectv1.ApplyAppPolicyRequest{everybody, sales} {
			must[*appprotectv1.ApplyAppPolicyResponse](t)(a.apps.ApplyAppPolicy(t.Context(), r))
		}
		m := s.registers(t, p, "erin@example.com")
		if got := m.stands(t); got != blocked {
			t.Errorf("in sales, says her token: %v", got)
		}
		erin := idp.hire(t, "erin@example.com")
		if got := m.stands(t); got != fit {
			t.Errorf("in no group, says the directory: %v", got)
		}
		id := strings.TrimPrefix(erin, "/Users/")
		status, answer := idp.call(t, http.MethodPost, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"sales","members":[{"value":"`+id+`"}]}`)
		if status != http.StatusCreated {
			t.Fatalf("create the group: %d %v", status, answer)
		}
		if got := m.stands(t); got != blocked {
			t.Errorf("in sales, says the directory: %v", got)
		}
	})
}

// TestSCIMDoor: nobody gets in without a token that works.
func TestSCIMDoor(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, _ *signintest.Provider) {
		idp := s.provisioner(t)
		if status, _ := idp.call(t, http.MethodGet, "/Users", ""); status != http.StatusOK {
			t.Errorf("with a token: %d", status)
		}
		if _, err := s.parts.scimTokens.Revoke(t.Context(), "idp"); err != nil {
			t.Fatal(err)
		}
		for what, token := range map[string]string{"a revoked token": idp.token, "none": "", "nonsense": "scim_x"} {
			idp.token = token
			if status, answer := idp.call(t, http.MethodGet, "/Users", ""); status != http.StatusUnauthorized {
				t.Errorf("%s: %d %v", what, status, answer)
			}
		}
	})
}
