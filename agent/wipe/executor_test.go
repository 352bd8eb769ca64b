package wipe

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/pki"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const thisPhone = "0123456789abcdef0123456789abcdef"

// fakeDevice is a phone in memory. Steps are names of things that are there.
type fakeDevice struct {
	enrollment Enrollment
	busy       string
	journal    Journal
	there      map[string]bool
	removed    []string
	destroyed  int
	keys       map[string]crypto.Signer
	dropped    int
}

func (d *fakeDevice) Enrollment() (Enrollment, error) {
	if d.destroyed > 0 {
		return Enrollment{}, ErrNotEnrolled
	}
	return d.enrollment, nil
}
func (d *fakeDevice) Busy() (string, error)         { return d.busy, nil }
func (d *fakeDevice) LoadJournal() (Journal, error) { return clone(d.journal), nil }
func (d *fakeDevice) SaveJournal(j Journal) error   { d.journal = clone(j); return nil }
func (d *fakeDevice) DestroyIdentity(string) error  { d.destroyed++; return nil }

func (d *fakeDevice) ReceiptKey(id string) (crypto.Signer, error) {
	if d.keys[id] == nil {
		if d.keys == nil {
			d.keys = map[string]crypto.Signer{}
		}
		d.keys[id] = newKey()
	}
	return d.keys[id], nil
}

func (d *fakeDevice) DropReceiptKeys() error {
	d.keys, d.dropped = nil, d.dropped+1
	return nil
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func (d *fakeDevice) Steps(s Scope) ([]string, error) {
	switch s.Kind {
	case WorkProfile:
		return []string{"keys", "files"}, nil
	case Relinquish:
		return []string{"keys", "files", "restrictions"}, nil
	case Lock:
		return []string{"work-lock"}, nil
	case AppData:
		return s.Packages, nil
	default:
		return nil, fmt.Errorf("%q is no scope", s.Kind)
	}
}

func (d *fakeDevice) Measure(step string) (Tally, error) {
	if !d.there[step] {
		return Tally{}, nil
	}
	return Tally{Files: 1, Bytes: 10}, nil
}

func (d *fakeDevice) Remove(step string, progress func()) error {
	if d.there[step] {
		d.removed = append(d.removed, step)
	}
	delete(d.there, step)
	progress()
	return nil
}

// clone is what a disk does to a journal.
func clone(j Journal) Journal {
	c := Journal{Past: slices.Clone(j.Past), Acted: j.Acted}
	if j.Current != nil {
		e := *j.Current
		e.Steps = slices.Clone(e.Steps)
		c.Current = &e
	}
	return c
}

// fakeReporter is a server that answers from a script, then with what a good
// one would say.
type fakeReporter struct {
	script []error
	state  wipev1.State // of the answer to an acknowledgement; 0 means acknowledged
	said   []string
	sent   []*wipev1.ReportOrderRequest
	key    crypto.Signer
}

func (r *fakeReporter) SignAsDevice(content []byte) ([]byte, error) {
	digest := sha256.Sum256(content)
	return r.key.Sign(rand.Reader, digest[:], crypto.SHA256)
}

func (r *fakeReporter) ReportOrder(_ context.Context, m *wipev1.ReportOrderRequest, _ ...grpc.CallOption) (*wipev1.ReportOrderResponse, error) {
	name, s := "", wipev1.State_STATE_UNSPECIFIED
	switch m.GetReport().(type) {
	case *wipev1.ReportOrderRequest_Acknowledged:
		name, s = "acknowledged", wipev1.State_STATE_ACKNOWLEDGED
		if r.state != 0 {
			s = r.state
		}
	case *wipev1.ReportOrderRequest_NotNow:
		name, s = "not now", wipev1.State_STATE_PENDING
	case *wipev1.ReportOrderRequest_Done:
		name, s = "done", wipev1.State_STATE_DONE
	case *wipev1.ReportOrderRequest_Failed:
		name, s = "failed: "+m.GetFailed().GetReason(), wipev1.State_STATE_FAILED
	case *wipev1.ReportOrderRequest_Refused:
		name, s = "refused: "+strings.TrimPrefix(m.GetRefused().GetReason().String(), "REFUSAL_"), wipev1.State_STATE_DELIVERED
	}
	r.sent = append(r.sent, m)
	r.said = append(r.said, name)
	if len(r.script) > 0 {
		err := r.script[0]
		r.script = r.script[1:]
		if err != nil {
			return nil, err
		}
	}
	return &wipev1.ReportOrderResponse{State: s}, nil
}

func errorOf(code codes.Code, reason string) error {
	st, err := status.New(code, "no").WithDetails(&errdetails.ErrorInfo{Reason: reason})
	if err != nil {
		panic(err)
	}
	return st.Err()
}

// bench is an executor with everything around it.
type bench struct {
	*Executor
	device    *fakeDevice
	server    *fakeReporter
	authority *pki.Authority
	now       time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{server: &fakeReporter{key: newKey()}, now: time.Now()}
	clock := func() time.Time { return b.now }
	authority, err := pki.OpenAuthority(t.TempDir(), clock)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(authority.Roots()[0])
	if err != nil {
		t.Fatal(err)
	}
	b.authority = authority
	b.device = &fakeDevice{
		enrollment: Enrollment{DeviceID: thisPhone, Epoch: 3, HasWorkProfile: true, Roots: []*x509.Certificate{root}},
		there:      map[string]bool{"keys": true, "files": true, "com.example.mail": true},
	}
	b.Executor = New(Options{Device: b.device, Now: clock})
	return b
}

// content is a good order for a work profile.
func (b *bench) content() *wipev1.OrderToSign {
	return &wipev1.OrderToSign{
		OrderId: "order-0001", DeviceId: thisPhone, Epoch: 3, Sequence: 7,
		Scope:    &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}},
		IssuedAt: timestamppb.New(b.now), NotAfter: timestamppb.New(b.now.Add(time.Hour)),
	}
}

func (b *bench) sign(t *testing.T, m *wipev1.OrderToSign) *wipev1.SignedOrder {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := b.authority.SignOrder(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &wipev1.SignedOrder{OrderId: m.GetOrderId(), SignedData: signed}
}

// given are orders as a server gives them.
func given(orders ...*wipev1.SignedOrder) Fetched { return Fetched{Orders: orders} }

func apps(names ...string) *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: names}}}
}

// TestRefused: what is not a good order for this phone now leaves no trace on it,
// and is refused aloud with nothing said of it but the id it was given by.
func TestRefused(t *testing.T) {
	reasons := map[string]string{
		"older epoch": "EPOCH", "newer epoch": "EPOCH", "other phone": "DEVICE", "other id outside": "IDENTITY",
		"expired": "TIME", "without an end": "TIME", "without a beginning": "TIME", "without a sequence": "SEQUENCE", "id that is none": "",
	}
	for name, make := range map[string]func(t *testing.T, b *bench) *wipev1.SignedOrder{
		"without a beginning": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			m := b.content()
			m.IssuedAt = nil
			return b.sign(t, m)
		},
		"without a sequence": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			m := b.content()
			m.Sequence = 0
			return b.sign(t, m)
		},
		"not an order": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			signed, err := b.authority.SignOrder([]byte{0xff})
			if err != nil {
				t.Fatal(err)
			}
			return &wipev1.SignedOrder{OrderId: "order-0001", SignedData: signed}
		},
		"older epoch": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			m := b.content()
			m.Epoch = 2
			return b.sign(t, m)
		},
		"newer epoch": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			m := b.content()
			m.Epoch = 4
			return b.sign(t, m)
		},
		"other phone": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			m := b.content()
			m.DeviceId = strings.Repeat("f", 32)
			return b.sign(t, m)
		},
		"other id outside": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			o := b.sign(t, b.content())
			o.OrderId = "order-0002"
			return o
		},
		"id that is none": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			m := b.content()
			m.OrderId = "../../etc"
			return b.sign(t, m)
		},
		"expired": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			m := b.content()
			m.NotAfter = timestamppb.New(b.now.Add(-time.Second))
			return b.sign(t, m)
		},
		"without an end": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			m := b.content()
			m.NotAfter = nil
			return b.sign(t, m)
		},
		"another root's signer": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			other, err := pki.OpenAuthority(t.TempDir(), func() time.Time { return b.now })
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := proto.Marshal(b.content())
			signed, err := other.SignOrder(raw)
			if err != nil {
				t.Fatal(err)
			}
			return &wipev1.SignedOrder{OrderId: "order-0001", SignedData: signed}
		},
		"tampered": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			o := b.sign(t, b.content())
			at := strings.Index(string(o.SignedData), thisPhone)
			o.SignedData[at] ^= 1
			return o
		},
		"truncated": func(t *testing.T, b *bench) *wipev1.SignedOrder {
			o := b.sign(t, b.content())
			o.SignedData = o.SignedData[:len(o.SignedData)-1]
			return o
		},
		"not signed":              func(*testing.T, *bench) *wipev1.SignedOrder { return &wipev1.SignedOrder{OrderId: "order-0001"} },
		"a phone of another root": ownRoot,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			signed := make(t, b)
			r, err := b.Execute(t.Context(), b.server, given(signed))
			if err != nil || r != (Result{}) {
				t.Errorf("Execute: %+v, %v", r, err)
			}
			b.assertUntouched(t)
			want, ok := reasons[name]
			if !ok {
				want = "SIGNATURE"
			}
			if want == "" && len(b.server.sent) > 0 || want != "" &&
				(!slices.Equal(b.server.said, []string{"refused: " + want}) || b.server.sent[0].GetOrderId() != signed.GetOrderId()) {
				t.Errorf("the phone said %v, want it refused for %q", b.server.sent, want)
			}
			if diff := cmp.Diff(Journal{}, b.device.journal); diff != "" {
				t.Errorf("journal (-want +got):\n%s", diff)
			}
		})
	}
}

// ownRoot is a good order to a phone that trusts another root, which may sign
// everything.
func ownRoot(t *testing.T, b *bench) *wipev1.SignedOrder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "own"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: b.now.Add(-time.Hour), NotAfter: b.now.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	o := b.sign(t, b.content())
	b.device.enrollment.Roots = []*x509.Certificate{root}
	return o
}

func (b *bench) assertUntouched(t *testing.T) {
	t.Helper()
	if len(b.device.removed) > 0 || b.device.destroyed > 0 {
		t.Errorf("removed %v, identity destroyed %d times", b.device.removed, b.device.destroyed)
	}
}

// TestImpossible: a good order that this phone cannot carry out is refused
// aloud, once, and removes nothing.
func TestImpossible(t *testing.T) {
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 1)
	many := make([]string, 101)
	for i := range many {
		many[i] = "com.example." + strings.Repeat("a", i+1)
	}
	for name, edit := range map[string]func(*wipev1.OrderToSign, *bench){
		"path for a package":      func(m *wipev1.OrderToSign, _ *bench) { m.Scope = apps("com.example.mail", "../../0") },
		"dot for a package":       func(m *wipev1.OrderToSign, _ *bench) { m.Scope = apps(".") },
		"one word for a package":  func(m *wipev1.OrderToSign, _ *bench) { m.Scope = apps("android") },
		"line break in a package": func(m *wipev1.OrderToSign, _ *bench) { m.Scope = apps("com.example.mail\n") },
		"long package":            func(m *wipev1.OrderToSign, _ *bench) { m.Scope = apps("a." + strings.Repeat("b", 254)) },
		"no package":              func(m *wipev1.OrderToSign, _ *bench) { m.Scope = apps() },
		"too many packages":       func(m *wipev1.OrderToSign, _ *bench) { m.Scope = apps(many...) },
		"no scope":                func(m *wipev1.OrderToSign, _ *bench) { m.Scope = nil },
		"unknown field":           func(m *wipev1.OrderToSign, _ *bench) { m.ProtoReflect().SetUnknown(unknown) },
		"unknown scope": func(m *wipev1.OrderToSign, _ *bench) {
			m.Scope = &wipev1.Scope{}
			m.Scope.ProtoReflect().SetUnknown(unknown)
		},
		"unknown field in a scope":  func(m *wipev1.OrderToSign, _ *bench) { m.Scope.GetWorkProfile().ProtoReflect().SetUnknown(unknown) },
		"phone without the profile": func(_ *wipev1.OrderToSign, b *bench) { b.device.enrollment.HasWorkProfile = false },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			m := b.content()
			edit(m, b)
			order := b.sign(t, m)
			for range 2 {
				if r, err := b.Execute(t.Context(), b.server, given(order)); err != nil || r != (Result{}) {
					t.Fatalf("Execute: %+v, %v", r, err)
				}
			}
			b.assertUntouched(t)
			if len(b.server.said) != 2 || !strings.HasPrefix(b.server.said[0], "failed: ") || b.server.said[0] != b.server.said[1] {
				t.Errorf("the phone said %q", b.server.said)
			}
			if n := len(b.device.journal.Past); n != 1 || b.device.journal.Past[0].Phase != Refused {
				t.Errorf("journal: %+v", b.device.journal)
			}
		})
	}
}

// TestAnswers goes through what a server can say to each report.
func TestAnswers(t *testing.T) {
	silence := status.Error(codes.Unavailable, "gone")
	unknown := errorOf(codes.Unauthenticated, "CERTIFICATE_UNKNOWN")
	ended := errorOf(codes.Unauthenticated, "ENROLLMENT_ENDED")
	for name, c := range map[string]struct {
		script   []error
		state    wipev1.State
		rounds   int
		removed  bool
		said     []string
		last     Phase
		wantFail bool // of the last round
	}{
		"all good":                      {rounds: 1, removed: true, said: []string{"acknowledged", "done"}, last: Finished},
		"cancelled":                     {script: []error{errorOf(codes.FailedPrecondition, "ORDER_CANCELLED")}, rounds: 2, said: []string{"acknowledged", "refused: SEQUENCE"}, last: Cancelled},
		"expired":                       {script: []error{errorOf(codes.FailedPrecondition, "ORDER_EXPIRED")}, rounds: 1, said: []string{"acknowledged"}, last: Cancelled},
		"not known":                     {script: []error{errorOf(codes.NotFound, "")}, rounds: 1, said: []string{"acknowledged"}, last: Dropped},
		"yes, but in another state":     {state: wipev1.State_STATE_CANCELLED, rounds: 1, said: []string{"acknowledged"}, last: Cancelled},
		"enrolment over before the yes": {script: []error{ended}, rounds: 1, said: []string{"acknowledged"}, last: Dropped, wantFail: true},
		"no yes":                        {script: []error{silence}, rounds: 1, said: []string{"acknowledged"}, last: Accepted, wantFail: true},
		"no yes, certificate unknown":   {script: []error{unknown}, rounds: 1, said: []string{"acknowledged"}, last: Accepted, wantFail: true},
		"yes at the second try":         {script: []error{silence}, rounds: 2, removed: true, said: []string{"acknowledged", "acknowledged", "done"}, last: Finished},
		"cancelled after silence":       {script: []error{silence, errorOf(codes.FailedPrecondition, "ORDER_CANCELLED")}, rounds: 2, said: []string{"acknowledged", "acknowledged"}, last: Cancelled},
		"receipt not answered":          {script: []error{nil, silence}, rounds: 1, removed: true, said: []string{"acknowledged", "done"}, last: Removed, wantFail: true},
		"receipt kept before":           {script: []error{nil, silence, ended}, rounds: 2, removed: true, said: []string{"acknowledged", "done", "done"}, last: Finished},
		"receipt not wanted":            {script: []error{nil, errorOf(codes.InvalidArgument, "")}, rounds: 1, removed: true, said: []string{"acknowledged", "done"}, last: Finished},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.server.script, b.server.state = c.script, c.state
			orders := []*wipev1.SignedOrder{b.sign(t, b.content())}
			var r Result
			var err error
			for range c.rounds {
				r, err = b.Execute(t.Context(), b.server, given(orders...))
			}
			if (err != nil) != c.wantFail {
				t.Errorf("Execute: %v, want an error: %v", err, c.wantFail)
			}
			if r.Ended != (c.last == Finished) {
				t.Errorf("ended: %v in phase %s", r.Ended, c.last)
			}
			if diff := cmp.Diff(c.said, b.server.said); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			var want []string
			if c.removed {
				want = []string{"keys", "files"}
			}
			if diff := cmp.Diff(want, b.device.removed); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			if got := lastPhase(b.device.journal); got != c.last {
				t.Errorf("phase %s, want %s", got, c.last)
			}
			if destroyed := b.device.destroyed > 0; destroyed != (c.last == Finished) {
				t.Errorf("identity destroyed: %v in phase %s", destroyed, c.last)
			}
		})
	}
}

func lastPhase(j Journal) Phase {
	if j.Current != nil {
		return j.Current.Phase
	}
	if len(j.Past) > 0 {
		return j.Past[len(j.Past)-1].Phase
	}
	return ""
}

func TestNotNow(t *testing.T) {
	b := newBench(t)
	b.device.busy = "in a call"
	orders := []*wipev1.SignedOrder{b.sign(t, b.content())}
	r, err := b.Execute(t.Context(), b.server, given(orders...))
	if err != nil || !r.Waiting || r.Ended {
		t.Fatalf("Execute: %+v, %v", r, err)
	}
	b.assertUntouched(t)
	if len(b.device.journal.Past) > 0 || b.device.journal.Current != nil {
		t.Errorf("journal: %+v", b.device.journal)
	}
	b.device.busy = ""
	if r, err = b.Execute(t.Context(), b.server, given(orders...)); err != nil || !r.Ended {
		t.Fatalf("Execute: %+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{"not now", "acknowledged", "done"}, b.server.said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

// TestReplay: an order that is done is answered with its receipt and nothing
// else, even when its data is there again.
func TestReplay(t *testing.T) {
	b := newBench(t)
	m := b.content()
	m.Scope = apps("com.example.mail", "com.example.mail")
	orders := []*wipev1.SignedOrder{b.sign(t, m)}
	if r, err := b.Execute(t.Context(), b.server, given(orders...)); err != nil || r.Ended {
		t.Fatalf("Execute: %+v, %v", r, err)
	}
	b.device.there["com.example.mail"] = true
	orders[0].Acknowledged = true
	if _, err := b.Execute(t.Context(), b.server, given(orders...)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acknowledged", "done", "done"}, b.server.said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"com.example.mail"}, b.device.removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

// TestPromiseOutlivesItsTime: the server keeps an acknowledged order for good, so
// that one whose acknowledgement was under way when its time passed is for the
// server to decide.
func TestPromiseOutlivesItsTime(t *testing.T) {
	b := newBench(t)
	b.server.script = []error{status.Error(codes.Unavailable, "gone")}
	orders := []*wipev1.SignedOrder{b.sign(t, b.content())}
	if _, err := b.Execute(t.Context(), b.server, given(orders...)); err == nil {
		t.Fatal("silence was no error")
	}
	b.now = b.now.Add(2 * time.Hour)
	r, err := b.Execute(t.Context(), b.server, given(orders...))
	if err != nil || !r.Ended {
		t.Errorf("Execute: %+v, %v", r, err)
	}
}

// TestEnrollmentEnded: phase by phase, what becomes of an order when the server
// says that the enrolment is over.
func TestEnrollmentEnded(t *testing.T) {
	for phase, want := range map[Phase]struct {
		last    Phase
		removed int
	}{
		Accepted: {Dropped, 0}, Acknowledged: {Finished, 2}, Committed: {Finished, 2}, Removed: {Finished, 0}, Told: {Finished, 0}, Reported: {Finished, 0},
	} {
		t.Run(string(phase), func(t *testing.T) {
			b := newBench(t)
			b.device.journal = Journal{Current: &Entry{OrderID: "order-0001", Phase: phase, Scope: Scope{Kind: WorkProfile}}}
			if err := b.EnrollmentEnded(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := lastPhase(b.device.journal); got != want.last {
				t.Errorf("phase %s, want %s", got, want.last)
			}
			if len(b.device.removed) != want.removed {
				t.Errorf("removed %v", b.device.removed)
			}
		})
	}
}

func TestJournalForgetsOnlyWhatCannotComeBack(t *testing.T) {
	now := time.Now()
	var j Journal
	for i := range 3 * keepPast {
		e := Entry{OrderID: "old-" + time.Duration(i).String(), NotAfter: now.Add(-time.Hour), Phase: Finished}
		if i == 0 {
			e.NotAfter = now.Add(time.Hour)
		}
		j.remember(e, now)
	}
	if len(j.Past) != keepPast || j.find("old-0s") == nil {
		t.Errorf("%d past orders, the live one kept: %v", len(j.Past), j.find("old-0s") != nil)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte{0x30, 0x80}, "order-0001")
	f.Fuzz(func(t *testing.T, signed []byte, id string) {
		_, err := verify(&wipev1.SignedOrder{OrderId: id, SignedData: signed}, Enrollment{DeviceID: thisPhone, Epoch: 1}, time.Unix(1, 0))
		if err == nil {
			t.Error("an order was accepted without a root")
		}
		e := Enrollment{DeviceID: thisPhone, Epoch: 1, HasWorkProfile: true, Company: &fakeCompany{}}
		if _, _, err := verifyLease(&wipev1.SignedOrder{OrderId: id, SignedData: signed}, 1, e, time.Unix(1, 0)); err == nil {
			t.Error("a lease was accepted without a root")
		}
		c, _ := e.company()
		if _, err := c.verify(&wipev1.SignedWholeDeviceOrder{OrderId: id, SignedData: signed}, time.Unix(1, 0)); err == nil {
			t.Error("an order for the whole device was accepted without a root")
		}
	})
}
