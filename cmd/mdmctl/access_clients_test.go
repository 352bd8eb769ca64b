package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

const okta, nginx = "c_00000000000000000000000000000001", "c_00000000000000000000000000000002"

func TestClients(t *testing.T) {
	b := serve(t)
	b.check(b.run("access", "clients", "create", "okta", "--scope", "ssf.manage,ssf.read", "--request-key", "request-1"), 0, `
Client:  okta
Id:      `+okta+`
May:     ssf.manage, ssf.read
Secret:  `+clientSecret+` (shown only now)
`, "")
	want := &oauthv1.CreateClientRequest{Name: "okta", Scopes: []string{"ssf.manage", "ssf.read"}, RequestKey: "request-1"}
	if diff := cmp.Diff(want, last[*oauthv1.CreateClientRequest](b), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got := b.run("access", "clients", "create", "okta", "--scope", "ssf.read", "--request-key", "used-before"); got.code != 0 ||
		!strings.Contains(got.out, "shown when this request key was first used; if it is lost: mdmctl access clients revoke "+okta) {
		t.Error(got)
	}
	if got := b.run("access", "clients", "create", "nginx", "--scope", "access.evaluate", "-o", "json"); got.code != 0 || !strings.Contains(got.out, clientSecret) {
		t.Error(got)
	}
	if key := last[*oauthv1.CreateClientRequest](b).GetRequestKey(); !strings.HasPrefix(key, "mdmctl-") {
		t.Errorf("request key %q", key)
	}
	b.porter.clients[0].CreatedAt = ago(5 * time.Hour)
	b.check(b.run("access", "clients", "revoke", "okta"), 0, "client/"+okta+" revoked (okta)\n", "")
	b.check(b.run("access", "clients", "list"), 0, `
ID                                   NAME    STATUS   MAY               AGE
c_00000000000000000000000000000002   nginx   in-use   access.evaluate   0s
`, "")
	b.check(b.run("access", "clients", "list", "--revoked", "-o", "name"), 0, "client/"+okta+"\nclient/"+nginx+"\n", "")
	b.check(b.run("access", "clients", "revoke", "client/"+nginx, "-o", "name"), 0, "client/"+nginx+"\n", "")
	b.check(b.run("access", "clients", "list"), 0, "", "none found\n")
}

func TestClientsRefused(t *testing.T) {
	b := serve(t)
	if got := b.run("access", "clients", "create", "okta"); got.code != 2 || !strings.Contains(got.errOut, `required flag(s) "scope" not set`) {
		t.Error(got)
	}
	b.failures["CreateClient"] = no(codes.Aborted, "a client of that name is in use", "CLIENT_EXISTS")
	if got := b.run("access", "clients", "create", "okta", "--scope", "ssf.read"); got.code != 4 ||
		!strings.HasSuffix(got.errOut, "hint: see mdmctl access clients list\n") {
		t.Error(got)
	}
	b.failures["RevokeClient"] = no(codes.NotFound, "no such client", "NO_CLIENT")
	if got := b.run("access", "clients", "revoke", okta); got.code != 3 || !strings.HasSuffix(got.errOut, "hint: see mdmctl access clients list --revoked\n") {
		t.Error(got)
	}
	b.check(b.run("access", "clients", "revoke", "nobody"), 3, "",
		"mdmctl: client \"nobody\": none in use has that name\nhint: see mdmctl access clients list --revoked\n")
	b.failures["RotateSigningKey"] = no(codes.InvalidArgument, "not valid", "", "algorithm: is none of: RS256, ES256, EdDSA")
	if got := b.run("access", "signing-keys", "rotate", "--algorithm", "none"); got.code != 2 {
		t.Error(got)
	}
}

func TestSigningKeys(t *testing.T) {
	b := serve(t)
	b.porter.keys = []*oauthv1.SigningKey{{
		Id: "key-1", Algorithm: "RS256", Number: 1, State: oauthv1.SigningKeyState_SIGNING_KEY_STATE_SIGNING,
		CreatedAt: ago(time.Hour), SignsFrom: ago(time.Hour), SignsUntil: in(time.Hour), PublishedUntil: in(8 * day),
	}}
	b.check(b.run("access", "signing-keys", "rotate"), 0, `
ID      ALGORITHM   NUMBER   STATE   SIGNS-FROM             PUBLISHED-UNTIL
key-2   RS256       2        next    2026-11-22 13:00:00Z   -
`, "")
	b.check(b.run("access", "signing-keys", "list"), 0, `
ID      ALGORITHM   NUMBER   STATE     SIGNS-FROM             PUBLISHED-UNTIL
key-1   RS256       1        signing   2026-11-22 11:00:00Z   2026-11-30 12:00:00Z
key-2   RS256       2        next      2026-11-22 13:00:00Z   -
`, "")
	if got := b.run("access", "signing-keys", "rotate", "--algorithm", "ES256", "-o", "json"); got.code != 0 || !strings.Contains(got.out, "ES256") {
		t.Error(got)
	}
}
