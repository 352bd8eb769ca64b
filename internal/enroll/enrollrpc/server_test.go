package enrollrpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/bell"
	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/enroll/enrollrpc"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// authority stands in for the certificate authority: nobody reads its chains.
type authority struct{ serial atomic.Int64 }

func (*authority) ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	return x509.ParseCertificateRequest(der)
}
func (a *authority) IssueDevice(t enroll.Template) (enroll.Issued, error) { return a.IssueAdmin(t) }
func (a *authority) IssueAdmin(t enroll.Template) (enroll.Issued, error) {
	return enroll.Issued{
		Chain: [][]byte{{0x30, 0}}, Serial: fmt.Sprintf("abc%d", a.serial.Add(1)), ExpiresAt: t.NotAfter,
	}, nil
}
func (*authority) TrustBundle() [][]byte { return [][]byte{{0x30, 0}} }

// edge is both servers, and the service to identify callers with.
type edge struct {
	device *enrollrpc.DeviceServer
	admin  *enrollrpc.AdminServer
	enroll *enroll.Service
	// waiting says that orders wait for every device.
	waiting *atomic.Bool
}

func newEdge(t *testing.T) edge {
	t.Helper()
	store := enrolldb.New(dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	var ids atomic.Int64
	waiting := new(atomic.Bool)
	s := enroll.New(enroll.Config{
		Tokens: store, Devices: store, Fleet: store, Enrolments: store, Administrators: store,
		Authority: &authority{}, Bell: &bell.Bell{},
		Settle:  func(context.Context, device.ID, device.Epoch, string) error { return nil },
		Forget:  func(context.Context, device.ID, device.Epoch) error { return nil },
		Pending: func(context.Context, device.ID, device.Epoch) (bool, error) { return waiting.Load(), nil },
		Now:     dbtest.Now, NewID: func() string { return fmt.Sprintf("%032x", ids.Add(1)) }, Random: rand.Reader,
	})
	return edge{device: enrollrpc.NewDeviceServer(s), admin: enrollrpc.NewAdminServer(s), enroll: s, waiting: waiting}
}

func alice(t *testing.T) context.Context {
	return identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice"})
}

// valid checks a message by the wire's rules, as happens before a handler runs.
func valid(t *testing.T, m proto.Message) {
	t.Helper()
	if err := protovalidate.Validate(m); err != nil {
		t.Fatalf("%T does not pass the wire: %v", m, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (e edge) token(t *testing.T, uses uint32) *enrollv1.CreateTokenResponse {
	t.Helper()
	r := &enrollv1.CreateTokenRequest{
		RequestKey: "request-" + rand.Text(),
		Ownership:  enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
		MaxUses: uses, Lifetime: durationpb.New(time.Hour),
	}
	valid(t, r)
	got, err := e.admin.CreateToken(alice(t), r)
	must(t, err)
	return got
}

func csr(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	return der
}

func (e edge) join(t *testing.T, secret string) *enrollv1.JoinResponse {
	t.Helper()
	r := &enrollv1.JoinRequest{
		Token: secret, CertificateRequest: csr(t), Platform: enrollv1.Platform_PLATFORM_ANDROID,
		Model: "Pixel 9", OsVersion: "15", Mode: enrollv1.Mode_MODE_WORK_PROFILE,
	}
	valid(t, r) // and so the form of our secrets is the wire's
	got, err := e.device.Join(t.Context(), r)
	must(t, err)
	return got
}

// TestLife walks one enrolment over both servers.
func TestLife(t *testing.T) {
	e := newEdge(t)
	made := e.token(t, 1)
	if made.GetToken().GetCreatedBy() != "admin:alice" {
		t.Errorf("made by %q", made.GetToken().GetCreatedBy())
	}
	joined := e.join(t, made.GetSecret())
	caller, err := e.enroll.Identify(t.Context(), "abc1")
	must(t, err)
	ctx := identity.With(t.Context(), caller)
	renewed, err := e.device.Renew(ctx, &enrollv1.RenewRequest{CertificateRequest: csr(t)})
	must(t, err)
	if len(renewed.GetCertificateChain()) == 0 || len(renewed.GetTrustBundle()) == 0 || renewed.GetRenewAfter() == nil {
		t.Errorf("renewed: %v", renewed)
	}
	_, err = e.device.Leave(ctx, &enrollv1.LeaveRequest{})
	must(t, err)
	got, err := e.admin.GetDevice(alice(t), &enrollv1.GetDeviceRequest{Id: joined.GetDeviceId()})
	must(t, err)
	if state := got.GetDevice().GetState(); state != enrollv1.DeviceState_DEVICE_STATE_LEFT {
		t.Errorf("the device is %v", state)
	}
	retired, err := e.admin.RetireDevice(alice(t), &enrollv1.RetireDeviceRequest{Id: joined.GetDeviceId(), Reason: "x"})
	must(t, err)
	if state := retired.GetDevice().GetState(); state != enrollv1.DeviceState_DEVICE_STATE_LEFT {
		t.Errorf("retiring a device that left makes it %v", state)
	}
	token, err := e.admin.GetToken(alice(t), &enrollv1.GetTokenRequest{Id: made.GetToken().GetId()})
	must(t, err)
	if token.GetToken().GetUses() != 1 {
		t.Errorf("the token has %d uses", token.GetToken().GetUses())
	}
	revoked, err := e.admin.RevokeToken(alice(t), &enrollv1.RevokeTokenRequest{Id: made.GetToken().GetId()})
	must(t, err)
	if revoked.GetToken().GetRevokedAt() == nil {
		t.Error("the token is not revoked")
	}
}

// TestDelete: a tombstone while orders wait, then next to nothing.
func TestDelete(t *testing.T) {
	e := newEdge(t)
	joined := e.join(t, e.token(t, 1).GetSecret())
	r := &enrollv1.DeleteDeviceRequest{Id: joined.GetDeviceId(), Reason: "sold", Epoch: joined.GetEpoch()}
	valid(t, r)
	e.waiting.Store(true)
	got, err := e.admin.DeleteDevice(alice(t), r)
	must(t, err)
	d := got.GetDevice()
	if d.GetDeletedAt() == nil || d.GetDeletedBy() != "admin:alice" || d.GetPurgedAt() != nil ||
		d.GetState() != enrollv1.DeviceState_DEVICE_STATE_ENROLLED {
		t.Errorf("while orders wait: %v", d)
	}
	for show, want := range map[bool]int{false: 0, true: 1} {
		query := &enrollv1.ListDevicesRequest{ShowDeleted: show}
		valid(t, query)
		page, err := e.admin.ListDevices(alice(t), query)
		if err != nil || len(page.GetDevices()) != want {
			t.Errorf("listed with show_deleted %v: %v, %v", show, page, err)
		}
	}
	e.waiting.Store(false)
	got, err = e.admin.DeleteDevice(alice(t), r)
	must(t, err)
	if d = got.GetDevice(); d.GetPurgedAt() == nil || d.GetModel() != "" || d.GetState() != enrollv1.DeviceState_DEVICE_STATE_RETIRED {
		t.Errorf("what is left: %v", d)
	}
	shown, err := e.admin.GetDevice(alice(t), &enrollv1.GetDeviceRequest{Id: joined.GetDeviceId()})
	must(t, err)
	if diff := cmp.Diff(d, shown.GetDevice(), protocmp.Transform()); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
}

// TestScope: beyond its groups an administrator finds nothing.
func TestScope(t *testing.T) {
	e := newEdge(t)
	made := e.token(t, 1)
	id := e.join(t, made.GetSecret()).GetDeviceId()
	hr := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "bob", Role: identity.Owner, Groups: []string{"hr"}})
	token := made.GetToken().GetId()
	for name, tt := range map[string]struct{ got, want error }{
		"GetDevice":    {errOf(e.admin.GetDevice(hr, &enrollv1.GetDeviceRequest{Id: id})), enroll.ErrNoDevice},
		"RetireDevice": {errOf(e.admin.RetireDevice(hr, &enrollv1.RetireDeviceRequest{Id: id, Reason: "x"})), enroll.ErrNoDevice},
		"DeleteDevice": {errOf(e.admin.DeleteDevice(hr, &enrollv1.DeleteDeviceRequest{Id: id, Reason: "x"})), enroll.ErrNoDevice},
		"GetToken":     {errOf(e.admin.GetToken(hr, &enrollv1.GetTokenRequest{Id: token})), enroll.ErrNoToken},
		"RevokeToken":  {errOf(e.admin.RevokeToken(hr, &enrollv1.RevokeTokenRequest{Id: token})), enroll.ErrNoToken},
		"CreateToken": {errOf(e.admin.CreateToken(hr, &enrollv1.CreateTokenRequest{
			RequestKey: "request-of-bob", Ownership: enrollv1.Ownership_OWNERSHIP_COMPANY, Mode: enrollv1.Mode_MODE_DEDICATED,
		})), enroll.ErrOutOfScope},
	} {
		if !errors.Is(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
		}
	}
	devices, err := e.admin.ListDevices(hr, &enrollv1.ListDevicesRequest{})
	must(t, err)
	tokens, err := e.admin.ListTokens(hr, &enrollv1.ListTokensRequest{})
	must(t, err)
	if len(devices.GetDevices())+len(tokens.GetTokens()) != 0 {
		t.Errorf("listed: %v, %v", devices, tokens)
	}
}

func TestPaging(t *testing.T) {
	e := newEdge(t)
	made := e.token(t, 5)
	e.token(t, 1)
	var want, got []string
	for range 5 {
		want = append(want, e.join(t, made.GetSecret()).GetDeviceId())
	}
	query := &enrollv1.ListDevicesRequest{PageSize: 2}
	var tokens []string
	for {
		valid(t, query)
		page, err := e.admin.ListDevices(alice(t), query)
		must(t, err)
		for _, d := range page.GetDevices() {
			got = append(got, d.GetId())
		}
		if query.PageToken = page.GetNextPageToken(); query.PageToken == "" {
			break
		}
		tokens = append(tokens, query.GetPageToken())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}

	first, err := e.admin.ListTokens(alice(t), &enrollv1.ListTokensRequest{PageSize: 1})
	must(t, err)
	devices := func(r *enrollv1.ListDevicesRequest) error {
		_, err := e.admin.ListDevices(alice(t), r)
		return err
	}
	list := func(r *enrollv1.ListTokensRequest) error {
		_, err := e.admin.ListTokens(alice(t), r)
		return err
	}
	for name, err := range map[string]error{
		"with deleted":   devices(&enrollv1.ListDevicesRequest{PageToken: tokens[0], ShowDeleted: true}),
		"other filters":  devices(&enrollv1.ListDevicesRequest{PageToken: tokens[0], Group: "default"}),
		"of the tokens":  devices(&enrollv1.ListDevicesRequest{PageToken: first.GetNextPageToken()}),
		"of the devices": list(&enrollv1.ListTokensRequest{PageToken: tokens[0]}),
		"of all tokens":  list(&enrollv1.ListTokensRequest{PageToken: first.GetNextPageToken(), UsableOnly: true}),
		"no page token":  list(&enrollv1.ListTokensRequest{PageToken: "' OR 1=1 --"}),
	} {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != "page_token" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRefusals: what the service says reaches the edge as it is.
func TestRefusals(t *testing.T) {
	e := newEdge(t)
	ctx := alice(t)
	call := map[string]func() error{
		"NO_DEVICE": func() error {
			_, err := e.admin.GetDevice(ctx, &enrollv1.GetDeviceRequest{Id: "nobody-at-all"})
			return err
		},
		"NO_TOKEN": func() error {
			_, err := e.admin.GetToken(ctx, &enrollv1.GetTokenRequest{Id: "nothing-at-all"})
			return err
		},
		"TOKEN_UNKNOWN": func() error {
			_, err := e.device.Join(t.Context(), &enrollv1.JoinRequest{
				Token: "../../etc/passwd-------", Platform: enrollv1.Platform_PLATFORM_ANDROID,
			})
			return err
		},
		"EPOCH_MOVED": func() error {
			joined := e.join(t, e.token(t, 1).GetSecret())
			_, err := e.admin.RetireDevice(ctx, &enrollv1.RetireDeviceRequest{
				Id: joined.GetDeviceId(), Reason: "x", Epoch: ^uint64(0),
			})
			return err
		},
	}
	for reason, call := range call {
		if got := fault.ReasonOf(call()); got != reason {
			t.Errorf("reason %q, want %q", got, reason)
		}
	}
	if _, err := e.admin.RevokeToken(ctx, &enrollv1.RevokeTokenRequest{Id: "nothing-at-all"}); !errors.Is(err, enroll.ErrNoToken) {
		t.Errorf("revoke nothing: %v", err)
	}
	// A handler that is reached without a device still does nothing.
	for name, err := range map[string]error{
		"leave": errOf(e.device.Leave(t.Context(), &enrollv1.LeaveRequest{})),
		"renew": errOf(e.device.Renew(t.Context(), &enrollv1.RenewRequest{CertificateRequest: csr(t)})),
	} {
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s by nobody: %v", name, err)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }
