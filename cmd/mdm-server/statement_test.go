package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/pki"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// open verifies an order as a phone does and gives what was signed, and its
// SHA-256.
func (h *handset) open(signed *wipev1.SignedOrder) (*wipev1.OrderToSign, []byte, error) {
	var roots []*x509.Certificate
	for _, der := range h.roots {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, err
		}
		roots = append(roots, c)
	}
	content, _, err := pki.VerifySigned(signed.GetSignedData(), roots, pki.OrdersKeyUsage, timestamppb.Now().AsTime())
	if err != nil {
		return nil, nil, err
	}
	digest, m := sha256.Sum256(content), &wipev1.OrderToSign{}
	return m, digest[:], proto.Unmarshal(content, m)
}

// statement begins a statement about an order.
func (h *handset) statement(signed *wipev1.SignedOrder) (*wipev1.Statement, error) {
	o, digest, err := h.open(signed)
	return &wipev1.Statement{
		Format: "ringfence.wipe.statement.v1", OrderId: o.GetOrderId(), DeviceId: o.GetDeviceId(), Epoch: o.GetEpoch(),
		Sequence: o.GetSequence(), Scope: o.GetScope(), OrderSha256: digest,
	}, err
}

func signStatement(m *wipev1.Statement, key *ecdsa.PrivateKey) (*wipev1.SignedStatement, error) {
	content, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	return &wipev1.SignedStatement{Content: content, Signature: signature}, err
}

// promise is what a phone says before it removes anything; receiptKey is for a
// work profile.
func (h *handset) promise(signed *wipev1.SignedOrder, receiptKey *ecdsa.PrivateKey) (*wipev1.ReportOrderRequest, error) {
	r := &wipev1.ReportOrderRequest{
		OrderId: signed.GetOrderId(), Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
	}
	m, err := h.statement(signed)
	if err != nil || m.GetScope().GetWorkProfile() == nil {
		return r, err
	}
	der, err := x509.MarshalPKIXPublicKey(receiptKey.Public())
	if err != nil {
		return nil, err
	}
	m.What = &wipev1.Statement_Commitment{Commitment: &wipev1.Commitment{
		CommittedAt: timestamppb.Now(), Packages: []string{"com.example.mail"}, Files: 3, ReceiptKey: der,
	}}
	r.Statement, err = signStatement(m, h.key)
	return r, err
}

// done is what a phone says of an app-data order afterwards.
func (h *handset) done(signed *wipev1.SignedOrder, receipt *wipev1.Receipt) (*wipev1.ReportOrderRequest, error) {
	m, err := h.statement(signed)
	if err != nil {
		return nil, err
	}
	m.What = &wipev1.Statement_Completion{Completion: &wipev1.Completion{Receipt: receipt}}
	statement, err := signStatement(m, h.key)
	return &wipev1.ReportOrderRequest{
		OrderId: signed.GetOrderId(), Report: &wipev1.ReportOrderRequest_Done{Done: receipt}, Statement: statement,
	}, err
}

// confirm is what a phone says of a work-profile order that it promised so.
func (h *handset) confirm(signed *wipev1.SignedOrder, promise *wipev1.ReportOrderRequest, key *ecdsa.PrivateKey) (*wipev1.ReportOrderRequest, error) {
	m, err := h.statement(signed)
	if err != nil {
		return nil, err
	}
	receipt := &wipev1.Receipt{FinishedAt: timestamppb.Now(), FilesRemoved: 3}
	digest := sha256.Sum256(promise.GetStatement().GetContent())
	m.What = &wipev1.Statement_Completion{Completion: &wipev1.Completion{Receipt: receipt, CommitmentSha256: digest[:]}}
	statement, err := signStatement(m, key)
	return &wipev1.ReportOrderRequest{
		OrderId: signed.GetOrderId(), Report: &wipev1.ReportOrderRequest_Done{Done: receipt}, Statement: statement,
	}, err
}

// only gives the one order that waits for the phone.
func (h *handset) only(tb testing.TB) *wipev1.SignedOrder {
	tb.Helper()
	fetched, err := h.wipe.FetchOrders(tb.Context(), &wipev1.FetchOrdersRequest{})
	if err != nil || len(fetched.GetOrders()) != 1 {
		tb.Fatalf("FetchOrders = %v, %v, want one order", fetched, err)
	}
	return fetched.GetOrders()[0]
}
