package wiperpc

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
	"ringfence/internal/wipe/wipetest"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

var (
	handset = wipetest.NewPhone()
	oneTime = wipetest.NewKey()
)

func handsetChain(context.Context) ([][]byte, error) { return handset.Chain, nil }

// about begins a statement about an order as an administrator sees it.
func about(t *testing.T, o *wipev1.Order) *wipev1.Statement {
	t.Helper()
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(&wipev1.OrderToSign{
		OrderId: o.GetId(), DeviceId: o.GetDeviceId(), Epoch: o.GetEpoch(), Scope: o.GetScope(),
		IssuedAt: o.GetCreatedAt(), NotAfter: o.GetExpiresAt(), Sequence: o.GetSequence(),
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := wipe.DigestOf(content)
	return &wipev1.Statement{
		Format: "ringfence.wipe.statement.v1", OrderId: o.GetId(), DeviceId: o.GetDeviceId(), Epoch: o.GetEpoch(),
		Sequence: o.GetSequence(), Scope: o.GetScope(), OrderSha256: digest[:],
	}
}

func sign(t *testing.T, m *wipev1.Statement, k wipetest.Key) *wipev1.SignedStatement {
	t.Helper()
	content, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return &wipev1.SignedStatement{Content: content, Signature: k.Sign(content)}
}

// commit is the promise of an honest phone.
func commit(t *testing.T, o *wipev1.Order) *wipev1.ReportOrderRequest {
	t.Helper()
	m := about(t, o)
	m.What = &wipev1.Statement_Commitment{Commitment: &wipev1.Commitment{
		CommittedAt: timestamppb.New(monday), Packages: []string{"com.a"}, Files: 4, SizeBytes: 5, Keys: 6, Certificates: 7,
		ReceiptKey: oneTime.Public(),
	}}
	return &wipev1.ReportOrderRequest{
		OrderId: o.GetId(), Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
		Statement: sign(t, m, handset.Key),
	}
}

// confirm is the receipt of an honest phone, for its commitment if there is one.
func confirm(t *testing.T, o *wipev1.Order, r *wipev1.Receipt, commitment *wipev1.SignedStatement) *wipev1.ReportOrderRequest {
	t.Helper()
	m, key := about(t, o), handset.Key
	c := &wipev1.Completion{Receipt: r}
	if commitment != nil {
		digest := wipe.DigestOf(commitment.GetContent())
		c.CommitmentSha256, key = digest[:], oneTime
	}
	m.What = &wipev1.Statement_Completion{Completion: c}
	return &wipev1.ReportOrderRequest{
		OrderId: o.GetId(), Report: &wipev1.ReportOrderRequest_Done{Done: r}, Statement: sign(t, m, key),
	}
}

// TestEvidence: what the device signed is shown as it was signed, with the key
// that proves it.
func TestEvidence(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		devices, admins := serve(db)
		admin, phone := callers(t)
		receipt := &wipev1.Receipt{FinishedAt: timestamppb.New(monday), Packages: []string{"com.a"}, FilesRemoved: 4}
		mail, err := admins.CreateWipe(admin, createRequest(1, appData("com.a")))
		if err != nil {
			t.Fatal(err)
		}
		all, err := admins.CreateWipe(admin, createRequest(2, workProfile()))
		if err != nil {
			t.Fatal(err)
		}
		promise := &wipev1.ReportOrderRequest{OrderId: mail.GetOrder().GetId(), Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}}}
		mailDone := confirm(t, mail.GetOrder(), receipt, nil)
		committed := commit(t, all.GetOrder())
		allDone := confirm(t, all.GetOrder(), receipt, committed.GetStatement())
		for _, r := range []*wipev1.ReportOrderRequest{promise, mailDone, committed, committed, allDone} {
			if _, err := devices.ReportOrder(phone, r); err != nil {
				t.Fatalf("%v: %v", r, err)
			}
		}
		device := func(r *wipev1.ReportOrderRequest) *wipev1.Evidence {
			return &wipev1.Evidence{
				Content: r.GetStatement().GetContent(), Signature: r.GetStatement().GetSignature(),
				PublicKey: handset.Public(), CertificateChain: handset.Chain,
			}
		}
		byKey := device(allDone)
		byKey.PublicKey, byKey.CertificateChain = oneTime.Public(), nil
		for _, tt := range []struct {
			id                  string
			commitment, receipt *wipev1.Evidence
		}{
			{mail.GetOrder().GetId(), nil, device(mailDone)},
			{all.GetOrder().GetId(), device(committed), byKey},
		} {
			got, err := admins.GetWipeReceipt(admin, &wipev1.GetWipeReceiptRequest{Id: tt.id})
			order, _ := admins.GetWipe(admin, &wipev1.GetWipeRequest{Id: tt.id})
			want := &wipev1.GetWipeReceiptResponse{
				Order: order.GetOrder(), SignedOrder: []byte("signed"), Commitment: tt.commitment, Receipt: tt.receipt, Roots: [][]byte{[]byte("root")},
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", tt.id, diff, err)
			}
			if order.GetOrder().GetConfirmation() != wipev1.Confirmation_CONFIRMATION_CONFIRMED {
				t.Errorf("%s is %v", tt.id, order.GetOrder().GetConfirmation())
			}
		}
		if _, err := admins.GetWipeReceipt(admin, &wipev1.GetWipeReceiptRequest{Id: "order-none"}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no order: %v", err)
		}
	})
}

// TestStatementsThatAreNone: what cannot be read whole is nobody's word.
func TestStatementsThatAreNone(t *testing.T) {
	o := &wipev1.Order{Id: "order-0001", DeviceId: "device-one", Epoch: 3, Sequence: 1, Scope: workProfile()}
	receipt := &wipev1.Receipt{FinishedAt: timestamppb.New(monday)}
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 1)
	tests := map[string]func(*wipev1.Statement){
		"another format":         func(m *wipev1.Statement) { m.Format = "ringfence.wipe.statement.v2" },
		"an empty scope":         func(m *wipev1.Statement) { m.Scope = &wipev1.Scope{} },
		"no order":               func(m *wipev1.Statement) { m.OrderSha256 = nil },
		"half an order":          func(m *wipev1.Statement) { m.OrderSha256 = m.OrderSha256[:31] },
		"more than an order":     func(m *wipev1.Statement) { m.OrderSha256 = append(m.OrderSha256, 0) },
		"nothing":                func(m *wipev1.Statement) { m.What = nil },
		"unknown field":          func(m *wipev1.Statement) { m.ProtoReflect().SetUnknown(unknown) },
		"unknown field in scope": func(m *wipev1.Statement) { m.Scope.GetWorkProfile().ProtoReflect().SetUnknown(unknown) },
		"half a commitment": func(m *wipev1.Statement) {
			m.GetCompletion().CommitmentSha256 = []byte{1}
		},
		"another receipt": func(m *wipev1.Statement) {
			m.GetCompletion().Receipt = &wipev1.Receipt{FinishedAt: timestamppb.New(monday), FilesRemoved: 1}
		},
		"no receipt": func(m *wipev1.Statement) { m.GetCompletion().Receipt = nil },
		"a commitment": func(m *wipev1.Statement) {
			m.What = &wipev1.Statement_Commitment{Commitment: &wipev1.Commitment{CommittedAt: timestamppb.New(monday)}}
		},
		"a commitment without a time": func(m *wipev1.Statement) { m.What = &wipev1.Statement_Commitment{} },
	}
	for name, spoil := range tests {
		m := about(t, o)
		m.Scope = proto.CloneOf(m.Scope)
		m.What = &wipev1.Statement_Completion{Completion: &wipev1.Completion{Receipt: receipt, CommitmentSha256: m.OrderSha256}}
		spoil(m)
		r := &wipev1.ReportOrderRequest{Report: &wipev1.ReportOrderRequest_Done{Done: receipt}, Statement: sign(t, m, oneTime)}
		if _, err := toEvent(r, handset.Chain); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got error %v, want an invalid one", name, err)
		}
	}
	for name, s := range map[string]*wipev1.SignedStatement{"none": nil, "empty": {}, "noise": {Content: []byte{0xff}}} {
		r := &wipev1.ReportOrderRequest{Report: &wipev1.ReportOrderRequest_Done{Done: receipt}, Statement: s}
		if _, err := toEvent(r, handset.Chain); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got error %v, want an invalid one", name, err)
		}
	}
}

// TestRefusalsMatch: each reason of the wire has a word.
func TestRefusalsMatch(t *testing.T) {
	values := wipev1.Refusal(0).Descriptor().Values()
	for i := 1; i < values.Len(); i++ {
		reason := wipev1.Refusal(values.Get(i).Number())
		got, err := refuses(&wipev1.Refused{Reason: reason, Detail: "why"})
		if want := (wipe.Event{Kind: wipe.Refuse, Reason: refusals[reason] + ": why"}); err != nil || cmp.Diff(want, got) != "" || refusals[reason] == "" {
			t.Errorf("%v: got %v, error %v", reason, got, err)
		}
	}
	for _, none := range []*wipev1.Refused{nil, {}, {Reason: 99}} {
		if _, err := refuses(none); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%v: got error %v, want an invalid one", none, err)
		}
	}
}

// TestNoCertificateNoWord: without the certificate of the connection nothing
// that is signed is looked at.
func TestNoCertificateNoWord(t *testing.T) {
	devices, admins := serve(dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	admin, phone := callers(t)
	created, err := admins.CreateWipe(admin, createRequest(1, workProfile()))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no certificate")
	devices.chain = func(context.Context) ([][]byte, error) { return nil, broken }
	if _, err := devices.ReportOrder(phone, commit(t, created.GetOrder())); !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	devices.chain = func(context.Context) ([][]byte, error) { return wipetest.NewPhone().Chain, nil }
	if _, err := devices.ReportOrder(phone, commit(t, created.GetOrder())); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("another certificate's word: %v", err)
	}
}

// FuzzToStatement: whatever a device sends as a statement is read or refused.
func FuzzToStatement(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add([]byte("\x0a\x1bringfence.wipe.statement.v1"), []byte{0x30})
	f.Fuzz(func(t *testing.T, content, signature []byte) {
		d, err := toStatement(&wipev1.SignedStatement{Content: content, Signature: signature}, handset.Chain)
		if err == nil && (d.Commitment == nil) == (d.Receipt == nil) {
			t.Errorf("%x states nothing, or both", content)
		}
	})
}
