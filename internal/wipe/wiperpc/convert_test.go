package wiperpc

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 123456000, time.UTC)

func appData(packages ...string) *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: packages}}}
}

func workProfile() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}
}

// TestScopesMatch: each scope of the wire is one of the domain, and back, with
// none left over on either side.
func TestScopesMatch(t *testing.T) {
	samples := map[string]*wipev1.Scope{"work_profile": workProfile(), "app_data": appData("com.a", "com.b")}
	var kinds []wipe.ScopeKind
	fields := (&wipev1.Scope{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		name := string(fields.Get(i).Name())
		s, err := toScope(samples[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		kinds = append(kinds, s.Kind())
		back, err := fromScope(s)
		if diff := cmp.Diff(samples[name], back, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
	if !slices.Equal(kinds, wipe.ScopeKinds()) {
		t.Errorf("the wire has scopes %q, the domain %q", kinds, wipe.ScopeKinds())
	}
	if _, err := fromScope(wipe.Scope{}); err == nil {
		t.Error("the zero scope has a wire form")
	}
}

func TestToScopeRefuses(t *testing.T) {
	// A wider scope from a newer wire is an unknown field here: no scope at all.
	wider := &wipev1.Scope{}
	if err := proto.Unmarshal([]byte{0x1a, 0x00}, wider); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*wipev1.Scope{
		"none": nil, "empty": {}, "wider": wider, "no apps": appData(), "no apps at all": {Scope: &wipev1.Scope_AppData{}},
		"a path": appData("../../0"), "a path among apps": appData("com.a", "com.b/../../0"), "twice": appData("com.a", "com.a"),
	} {
		if got, err := toScope(s); fault.KindOf(err) != fault.Invalid || err == nil || got.Kind() != "" {
			t.Errorf("%s: got %v, error %v; want an invalid one", name, got, err)
		}
	}
}

// TestStatesMatch: each state has a word on the wire, and each word a state.
func TestStatesMatch(t *testing.T) {
	for _, s := range wipe.States() {
		back, err := toState(wireStates[s])
		if err != nil || back != s {
			t.Errorf("%s came back as %q, error %v", s, back, err)
		}
	}
	if got, want := wipev1.State(0).Descriptor().Values().Len()-1, len(wipe.States()); got != want || len(wireStates) != want {
		t.Errorf("%d states on the wire, %d in the table, %d in the domain", got, len(wireStates), want)
	}
	if got, err := toState(wipev1.State_STATE_UNSPECIFIED); got != "" || err != nil {
		t.Errorf("unspecified: got %q, error %v; want no filter", got, err)
	}
	if _, err := toState(99); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("an unknown state: got error %v", err)
	}
}

func parsed(t *testing.T, r *wipev1.ReportOrderRequest) *wipev1.Statement {
	t.Helper()
	m := &wipev1.Statement{}
	if err := proto.Unmarshal(r.GetStatement().GetContent(), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestToEvent(t *testing.T) {
	order, err := fromOrder(fullOrder(t))
	if err != nil {
		t.Fatal(err)
	}
	committed := commit(t, order)
	done := confirm(t, order, &wipev1.Receipt{
		FinishedAt: timestamppb.New(monday), Packages: []string{"com.a"},
		FilesRemoved: 1, BytesRemoved: 2, KeysRemoved: 3, CertificatesRemoved: 4,
	}, nil)
	tests := map[string]struct {
		request *wipev1.ReportOrderRequest
		want    wipe.Event
	}{
		"acknowledged": {
			&wipev1.ReportOrderRequest{Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}}},
			wipe.Event{Kind: wipe.Acknowledge},
		},
		"not_now": {
			&wipev1.ReportOrderRequest{Report: &wipev1.ReportOrderRequest_NotNow{NotNow: &wipev1.NotNow{Reason: "in a call"}}},
			wipe.Event{Kind: wipe.NotNow, Reason: "in a call"},
		},
		"refused": {
			&wipev1.ReportOrderRequest{Report: &wipev1.ReportOrderRequest_Refused{Refused: &wipev1.Refused{
				Reason: wipev1.Refusal_REFUSAL_EPOCH, Detail: "it is for enrolment 2",
			}}},
			wipe.Event{Kind: wipe.Refuse, Reason: "epoch: it is for enrolment 2"},
		},
		"done": {done, wipe.Event{Kind: wipe.Finish, Statement: &wipe.Statement{
			Order: "order-one", Device: "device-one", Epoch: 3, Sequence: 7, Scope: fullOrder(t).Scope,
			OrderDigest: wipe.Digest(parsed(t, done).GetOrderSha256()),
			Receipt:     &wipe.Receipt{FinishedAt: monday, Packages: []string{"com.a"}, Files: 1, Bytes: 2, Keys: 3, Certificates: 4},
			Proof: wipe.Proof{
				Content: done.GetStatement().GetContent(), Signature: done.GetStatement().GetSignature(), Chain: handset.Chain,
			},
		}}},
		"committed": {committed, wipe.Event{Kind: wipe.Acknowledge, Statement: &wipe.Statement{
			Order: "order-one", Device: "device-one", Epoch: 3, Sequence: 7, Scope: fullOrder(t).Scope,
			OrderDigest: wipe.Digest(parsed(t, committed).GetOrderSha256()),
			Commitment:  &wipe.Commitment{At: monday, Packages: []string{"com.a"}, Files: 4, Bytes: 5, Keys: 6, Certificates: 7, Key: oneTime.Public()},
			Proof: wipe.Proof{
				Content: committed.GetStatement().GetContent(), Signature: committed.GetStatement().GetSignature(), Chain: handset.Chain,
			},
		}}},
		"failed": {
			&wipev1.ReportOrderRequest{Report: &wipev1.ReportOrderRequest_Failed{Failed: &wipev1.Failed{Reason: "no space"}}},
			wipe.Event{Kind: wipe.Fail, Reason: "no space"},
		},
	}
	reports := (&wipev1.ReportOrderRequest{}).ProtoReflect().Descriptor().Oneofs().ByName("report").Fields()
	for i := range reports.Len() {
		if name := string(reports.Get(i).Name()); tests[name].request == nil {
			t.Errorf("%s is not tested", name)
		}
	}
	for name, tt := range tests {
		got, err := toEvent(tt.request, handset.Chain)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
	for name, bad := range map[string]*wipev1.ReportOrderRequest{
		"nothing":        {},
		"nil":            nil,
		"done, no time":  {Report: &wipev1.ReportOrderRequest_Done{Done: &wipev1.Receipt{}}},
		"done, nothing":  {Report: &wipev1.ReportOrderRequest_Done{}},
		"done, bad time": {Report: &wipev1.ReportOrderRequest_Done{Done: &wipev1.Receipt{FinishedAt: &timestamppb.Timestamp{Nanos: -1}}}},
	} {
		if _, err := toEvent(bad, handset.Chain); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: got error %v, want an invalid one", name, err)
		}
	}
}

func fullOrder(t *testing.T) wipe.Order {
	t.Helper()
	scope, err := wipe.OfAppData([]string{"com.b", "com.a"})
	if err != nil {
		t.Fatal(err)
	}
	return wipe.Order{
		ID: "order-one", Device: "device-one", Epoch: 3, Sequence: 7, Scope: scope, State: wipe.Done,
		Reason: "lost", CreatedBy: "admin:alice", CreatedAt: monday, NotAfter: monday.Add(time.Hour), ChangedAt: monday.Add(time.Minute),
		AcknowledgedAt: monday.Add(time.Second), SettledAt: monday.Add(time.Minute), NotNow: 2, Outcome: "why",
		Refusals: 1, Refusal: "epoch",
		Commitment: &wipe.Commitment{At: monday, Packages: []string{"com.a"}, Files: 1, Bytes: 2, Keys: 3, Certificates: 4, Key: []byte("key")},
		Receipt:    &wipe.Receipt{FinishedAt: monday, Packages: []string{"com.a"}, Files: 1, Bytes: 2, Keys: 3, Certificates: 4},
		RequestKey: "key-0001", RequestDigest: "digest", Version: 4,
	}
}

func TestFromOrder(t *testing.T) {
	got, err := fromOrder(fullOrder(t))
	want := &wipev1.Order{
		Id: "order-one", DeviceId: "device-one", Epoch: 3, Scope: appData("com.a", "com.b"), State: wipev1.State_STATE_DONE,
		Reason: "lost", CreatedBy: "admin:alice", CreatedAt: timestamppb.New(monday),
		ExpiresAt: timestamppb.New(monday.Add(time.Hour)), ChangedAt: timestamppb.New(monday.Add(time.Minute)),
		NotNowCount: 2, Outcome: "why", Receipt: &wipev1.Receipt{
			FinishedAt: timestamppb.New(monday), Packages: []string{"com.a"},
			FilesRemoved: 1, BytesRemoved: 2, KeysRemoved: 3, CertificatesRemoved: 4,
		},
		Confirmation: wipev1.Confirmation_CONFIRMATION_CONFIRMED, Sequence: 7, RefusedCount: 1, LastRefusal: "epoch",
		Commitment: &wipev1.Commitment{
			CommittedAt: timestamppb.New(monday), Packages: []string{"com.a"}, Files: 1, SizeBytes: 2, Keys: 3, Certificates: 4, ReceiptKey: []byte("key"),
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("fromOrder (-want +got):\n%s%v", diff, err)
	}
	// The sample is full, so that a new field cannot be forgotten here.
	fields := got.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if !got.ProtoReflect().Has(fields.Get(i)) {
			t.Errorf("%s is not filled", fields.Get(i).Name())
		}
	}
	pending := fullOrder(t)
	pending.State, pending.Receipt = wipe.Pending, nil
	if got, err := fromOrder(pending); err != nil || got.Receipt != nil {
		t.Errorf("a receipt from nowhere: %v, error %v", got.GetReceipt(), err)
	}
}

func TestToRequest(t *testing.T) {
	good := func() *wipev1.CreateWipeRequest {
		return &wipev1.CreateWipeRequest{
			RequestKey: "key-0001", DeviceId: "device-one", Scope: workProfile(), Reason: "lost",
			Lifetime: durationpb.New(time.Hour), Epoch: 3,
		}
	}
	got, err := toRequest(good())
	want := wipe.Request{
		Key: "key-0001", Device: "device-one", Epoch: 3, Scope: wipe.OfWorkProfile(), Reason: "lost", Lifetime: time.Hour,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("toRequest (-want +got):\n%s%v", diff, err)
	}
	for field, spoil := range map[string]func(*wipev1.CreateWipeRequest){
		"device_id": func(r *wipev1.CreateWipeRequest) { r.DeviceId = "../x" },
		"scope":     func(r *wipev1.CreateWipeRequest) { r.Scope = nil },
		"lifetime":  func(r *wipev1.CreateWipeRequest) { r.Lifetime = &durationpb.Duration{} },
	} {
		r := good()
		spoil(r)
		_, err := toRequest(r)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Fields[0].Name != field {
			t.Errorf("bad %s: got error %v", field, err)
		}
	}
	endless := good()
	endless.Lifetime = &durationpb.Duration{Seconds: 1 << 60}
	if _, err := toRequest(endless); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("a lifetime beyond all time: got error %v", err)
	}
}

func TestCursor(t *testing.T) {
	for _, want := range []wipe.Cursor{{}, {CreatedAt: monday, ID: "order-one"}} {
		got, err := toCursor(fromCursor(want))
		if err != nil || got != want {
			t.Errorf("got %v, error %v; want %v", got, err, want)
		}
	}
	for _, bad := range []string{"x", "1", "1/", "x/order", "/order", strings.Repeat("9", 20) + "/order"} {
		if _, err := toCursor(bad); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%q: got error %v, want an invalid one", bad, err)
		}
	}
}

type content struct {
	got []byte
	err error
}

func (c *content) SignOrder(b []byte) ([]byte, error) {
	c.got = b
	return []byte("signed"), c.err
}

// TestSign: what is signed says who, what, which enrolment and until when, in
// the same bytes each time, and nothing that changes with the order's state.
func TestSign(t *testing.T) {
	o, c := fullOrder(t), new(content)
	signed, err := NewSigner(c).Sign(o)
	if err != nil || string(signed) != "signed" {
		t.Fatalf("got %q, error %v", signed, err)
	}
	var got wipev1.OrderToSign
	if err := proto.Unmarshal(c.got, &got); err != nil {
		t.Fatal(err)
	}
	want := &wipev1.OrderToSign{
		OrderId: "order-one", DeviceId: "device-one", Epoch: 3, Scope: appData("com.a", "com.b"),
		IssuedAt: timestamppb.New(monday), NotAfter: timestamppb.New(monday.Add(time.Hour)), Sequence: 7,
	}
	if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
		t.Errorf("signed (-want +got):\n%s", diff)
	}
	first := c.got
	if digest, err := NewSigner(c).Digest(o); err != nil || digest != wipe.DigestOf(first) {
		t.Errorf("the digest is %v, error %v; it is not of what is signed", digest, err)
	}
	o.State, o.NotNow, o.Version, o.ChangedAt, o.Receipt = wipe.Acknowledged, 5, 9, monday.Add(time.Hour), nil
	if _, err := NewSigner(c).Sign(o); err != nil || !slices.Equal(first, c.got) {
		t.Errorf("the signed bytes changed with the state; error %v", err)
	}
	for name, change := range map[string]func(*wipe.Order){
		"id":       func(o *wipe.Order) { o.ID = "order-two" },
		"device":   func(o *wipe.Order) { o.Device = "device-two" },
		"epoch":    func(o *wipe.Order) { o.Epoch = device.Epoch(4) },
		"sequence": func(o *wipe.Order) { o.Sequence++ },
		"scope":    func(o *wipe.Order) { o.Scope = wipe.OfWorkProfile() },
		"issued":   func(o *wipe.Order) { o.CreatedAt = monday.Add(time.Second) },
		"notAfter": func(o *wipe.Order) { o.NotAfter = monday.Add(2 * time.Hour) },
	} {
		other := fullOrder(t)
		change(&other)
		if _, err := NewSigner(c).Sign(other); err != nil || slices.Equal(first, c.got) {
			t.Errorf("another %s signs the same bytes; error %v", name, err)
		}
	}
	c.err = errors.New("no key")
	if _, err := NewSigner(c).Sign(o); !errors.Is(err, c.err) {
		t.Errorf("got error %v, want %v", err, c.err)
	}
	if _, err := NewSigner(c).Sign(wipe.Order{}); err == nil {
		t.Error("an order of no scope was signed")
	}
	if _, err := NewSigner(c).Digest(wipe.Order{}); err == nil {
		t.Error("an order of no scope has a digest")
	}
}

func TestFromDeliveries(t *testing.T) {
	got := fromDeliveries([]wipe.Delivery{
		{Order: wipe.Order{ID: "order-one", State: wipe.Delivered}, Signed: []byte("1")},
		{Order: wipe.Order{ID: "order-two", State: wipe.Acknowledged}, Signed: []byte("2")},
	})
	want := []*wipev1.SignedOrder{
		{OrderId: "order-one", SignedData: []byte("1")},
		{OrderId: "order-two", SignedData: []byte("2"), Acknowledged: true},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("fromDeliveries (-want +got):\n%s", diff)
	}
}
