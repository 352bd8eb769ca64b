package wiperpc

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
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

func wholeDevice(t *testing.T, m device.Mode) wipe.Scope {
	t.Helper()
	s, ok := wipe.OfWholeDevice(device.Company, m)
	if !ok {
		t.Fatalf("no whole device in mode %s", m)
	}
	return s
}

// TestScopesMatch: each scope of the wire is one of the domain, and back, with
// none left over on either side.
func TestScopesMatch(t *testing.T) {
	samples := map[string]*wipev1.Scope{
		"work_profile": workProfile(), "app_data": appData("com.a", "com.b"),
		"relinquish": {Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}},
		"lock":       {Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}},
	}
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
	// One has no wire form as a scope: orders say it in another field.
	kinds = append(kinds, wipe.WholeDevice)
	if want := wipe.ScopeKinds(); !slices.Equal(slices.Sorted(slices.Values(kinds)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the wire has scopes %q, the domain %q", kinds, want)
	}
	for _, none := range []wipe.Scope{{}, wholeDevice(t, device.WorkProfile)} {
		if _, err := fromScope(none); err == nil {
			t.Errorf("%v has a wire form as a scope", none)
		}
	}
}

func TestToScopeRefuses(t *testing.T) {
	// A wider scope from a newer wire is an unknown field here: no scope at all.
	wider := &wipev1.Scope{}
	if err := proto.Unmarshal([]byte{0x2a, 0x00}, wider); err != nil {
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

// TestWordsMatch: each word of the domain has one on the wire, and each of the
// wire one of the domain.
func TestWordsMatch(t *testing.T) {
	testWords(t, wireStates, wipe.States(), "state")
	testWords(t, wireRequestStates, wipe.RequestStates(), "state")
	testWords(t, wireRequestKinds, wipe.RequestKinds(), "kind")
	testWords(t, wireSources, []wipe.Source{"", wipe.ByAdministrator, wipe.ByUserWipe, wipe.ByLease, wipe.ByPolicy}, "source")
	testWords(t, wireStandings, []wipe.LeaseStanding{wipe.NoLease, wipe.LeaseHeld, wipe.PresumedLocked, wipe.PresumedWiped}, "standing")
}

func testWords[D ~string, W interface {
	~int32
	protoreflect.Enum
}](t *testing.T, words map[D]W, all []D, field string) {
	t.Helper()
	for _, word := range all {
		back, err := toWord(words, words[word], field)
		if err != nil || back != word {
			t.Errorf("%T %q came back as %q, error %v", word, word, back, err)
		}
	}
	var none W
	values, known := none.Descriptor().Values().Len()-1, len(words)
	if _, ok := words[""]; ok {
		known--
	}
	if values != known || len(words) != len(all) {
		t.Errorf("%T: %d words on the wire, %d in the table, %d in the domain", none, values, known, len(all))
	}
	if got, err := toWord(words, none, field); got != "" || err != nil {
		t.Errorf("%T unspecified: got %q, error %v; want no filter", none, got, err)
	}
	if _, err := toWord(words, W(99), field); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("%T 99: got error %v", none, err)
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
	order, err := fromOrder(fullOrder(t), wipe.Breaker{})
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
		Request:    "request-one", Source: wipe.ByAdministrator, Person: "alice", Credential: "01", Group: "sales", Ownership: device.Personal,
		HeldUntil: monday.Add(10 * time.Minute), Version: 4,
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
	company := fromWholeDeliveries([]wipe.Delivery{
		{Order: wipe.Order{ID: "order-one", State: wipe.Delivered}, Signed: []byte("1")},
		{Order: wipe.Order{ID: "order-two", State: wipe.Acknowledged}, Signed: []byte("2")},
	})
	wholes := []*wipev1.SignedWholeDeviceOrder{
		{OrderId: "order-one", SignedData: []byte("1")},
		{OrderId: "order-two", SignedData: []byte("2"), Acknowledged: true},
	}
	if diff := cmp.Diff(wholes, company, protocmp.Transform()); diff != "" {
		t.Errorf("fromWholeDeliveries (-want +got):\n%s", diff)
	}
}
