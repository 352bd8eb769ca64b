package policy_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func digestOf(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

// installed gives the digest of the installed certificate's key; "" without one.
func (b *bench) installed() string {
	b.t.Helper()
	records, err := b.phone.Certificates()
	if err != nil {
		b.t.Fatal(err)
	}
	leaf := records["work"].Leaf()
	if leaf == nil {
		return ""
	}
	return digestOf(leaf.RawSubjectPublicKeyInfo)
}

// keys names the keys on the phone.
func (b *bench) keys() []string {
	return slices.DeleteFunc(b.files(), func(name string) bool { return name[:4] != "keys" })
}

func revoking(m *compliancev1.Manifest, alias, digest string) *compliancev1.Manifest {
	m = proto.CloneOf(m)
	m.RevokedKeys = append(m.RevokedKeys, &compliancev1.RevokedKey{Alias: alias, KeySha256: digest})
	return m
}

// TestRevokedKeyIsDestroyed: key and certificate go, and another key takes their
// place.
func TestRevokedKeyIsDestroyed(t *testing.T) {
	b := newBench(t)
	b.apply(b.everything())
	before, keys := b.installed(), b.keys()
	m := revoking(b.everything(), "work", before)
	for range 2 { // the second time there is nothing to do
		b.want(b.apply(m), map[string]compliancev1.ApplyStatus{
			"pin.device": applied, "pin.work_profile": pending, "trusted_root.corporate": applied,
			"client_certificate.work": applied, "vpn.office": applied,
		})
		if after := b.installed(); after == "" || after == before {
			t.Errorf("the installed key was %s and is %q", before, after)
		}
	}
	if now := b.keys(); len(now) != 1 || cmp.Equal(now, keys) {
		t.Errorf("keys were %v and are %v", keys, now)
	}
	if len(b.issued) != 2 || !b.lockdown() {
		t.Errorf("%d certificates, lockdown %v", len(b.issued), b.lockdown())
	}
}

// TestRevokedKeyGoesWithoutAServer: what is revoked goes even if nothing can be
// asked for yet, and lockdown with it.
func TestRevokedKeyGoesWithoutAServer(t *testing.T) {
	b := newBench(t)
	b.apply(b.everything())
	b.fail = status.Error(codes.Unavailable, "gone")
	got := b.apply(revoking(b.everything(), "work", b.installed()))
	if got["client_certificate.work"] != pending || got["vpn.office"] != pending || b.installed() != "" || b.lockdown() {
		t.Errorf("results %v, installed %q, lockdown %v", got, b.installed(), b.lockdown())
	}
}

// lockdownSeen notes whether lockdown held at each request.
type lockdownSeen struct {
	*bench
	seen []bool
}

func (l *lockdownSeen) IssueCertificate(ctx context.Context, r *compliancev1.IssueCertificateRequest, o ...grpc.CallOption) (*compliancev1.IssueCertificateResponse, error) {
	l.seen = append(l.seen, l.lockdown())
	return l.bench.IssueCertificate(ctx, r, o...)
}

// TestLockdownIsLiftedBeforeARevokedCertificateGoes: the request for the next
// one must find its way.
func TestLockdownIsLiftedBeforeARevokedCertificateGoes(t *testing.T) {
	b := newBench(t)
	b.apply(b.everything())
	if err := b.Accept("cd", revoking(b.everything(), "work", b.installed())); err != nil {
		t.Fatal(err)
	}
	via := &lockdownSeen{bench: b}
	if _, _, err := b.Apply(t.Context(), via); err != nil || !cmp.Equal(via.seen, []bool{false}) || !b.lockdown() {
		t.Errorf("lockdown at the requests %v, afterwards %v (%v)", via.seen, b.lockdown(), err)
	}
}

func TestOtherKeysStay(t *testing.T) {
	b := newBench(t)
	b.apply(b.everything())
	for name, m := range map[string]*compliancev1.Manifest{
		"another key":   revoking(b.everything(), "work", digestOf([]byte("other"))),
		"another alias": revoking(b.everything(), "mail", b.installed()),
		"no digest":     revoking(b.everything(), "work", ""),
	} {
		if b.apply(m); len(b.requests) != 1 {
			t.Errorf("%s: %d requests", name, len(b.requests))
		}
	}
}

// TestRevokedWhilePending: a request whose answer was lost is not repeated for a
// key that was revoked meanwhile.
func TestRevokedWhilePending(t *testing.T) {
	refused, err := status.New(codes.FailedPrecondition, "make a new key").WithDetails(&errdetails.ErrorInfo{Reason: "KEY_REVOKED"})
	if err != nil {
		t.Fatal(err)
	}
	m := &compliancev1.Manifest{ClientCertificates: []*compliancev1.ClientCertificateProfile{profile()}}
	keyOf := func(request []byte) string {
		csr, err := x509.ParseCertificateRequest(request)
		if err != nil {
			t.Fatal(err)
		}
		return digestOf(csr.RawSubjectPublicKeyInfo)
	}
	for name, learn := range map[string]func(b *bench){
		"from the manifest": func(b *bench) { b.apply(revoking(m, "work", keyOf(b.requests[0]))) },
		"from the answer": func(b *bench) {
			b.fail = refused.Err()
			b.now = b.now.Add(2 * time.Minute)
			b.want(b.again(), map[string]compliancev1.ApplyStatus{"client_certificate.work": pending})
			b.fail = nil
			b.now = b.now.Add(2 * time.Minute)
			b.again()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fail = status.Error(codes.Unavailable, "the answer is lost")
			b.apply(m)
			b.fail = nil
			learn(b)
			if first := keyOf(b.requests[0]); b.installed() == "" || b.installed() == first || len(b.keys()) != 1 {
				t.Errorf("installed %q after %s, keys %v", b.installed(), first, slices.Collect(maps.Keys(b.issued)))
			}
		})
	}
}

func TestAcceptRefusesTooManyRevokedKeys(t *testing.T) {
	b := newBench(t)
	if err := b.Accept("ab", &compliancev1.Manifest{RevokedKeys: make([]*compliancev1.RevokedKey, 101)}); err == nil {
		t.Error("accepted")
	}
}
