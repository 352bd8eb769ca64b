package wipe

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// statementFormat is how every statement begins, so that nothing else that is
// signed with the same key can be taken for one.
const statementFormat = "ringfence.wipe.statement.v1"

// commit writes down what the phone will sign before it removes what the
// enrolment goes with: what will go, and the public half of a key that it makes now and that nobody
// else ever holds.
func (x *Executor) commit(e *Entry) error {
	steps, err := x.plan(e.Scope)
	if err != nil {
		return err
	}
	x.o.Progress("before receipt key")
	key, err := x.o.Device.ReceiptKey(e.OrderID)
	if err != nil {
		return err
	}
	x.o.Progress("after receipt key")
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	t, m := sum(steps), e.statement()
	m.What = &wipev1.Statement_Commitment{Commitment: &wipev1.Commitment{
		CommittedAt: timestamppb.New(x.o.Now().UTC().Truncate(time.Microsecond)),
		Packages:    t.Packages, Files: t.Files, SizeBytes: t.Bytes, Keys: t.Keys, Certificates: t.Certificates,
		ReceiptKey: der,
	}}
	e.Commitment, err = encode(m)
	return err
}

// signCommitment signs the commitment of an order, nil without one.
func signCommitment(via Reporter, e *Entry) (*wipev1.SignedStatement, error) {
	if e.Commitment == nil {
		return nil, nil
	}
	signature, err := via.SignAsDevice(e.Commitment)
	if err != nil {
		return nil, fmt.Errorf("sign the commitment: %w", err)
	}
	return &wipev1.SignedStatement{Content: e.Commitment, Signature: signature}, nil
}

// signReceipt signs the receipt of an order: with its one-time key where there
// is a commitment, and with the device key otherwise.
func (x *Executor) signReceipt(via Reporter, e *Entry) (*wipev1.SignedStatement, error) {
	m, completion := e.statement(), &wipev1.Completion{Receipt: e.Receipt.wire()}
	m.What = &wipev1.Statement_Completion{Completion: completion}
	if e.Commitment != nil {
		digest := sha256.Sum256(e.Commitment)
		completion.CommitmentSha256 = digest[:]
	}
	content, err := encode(m)
	if err != nil {
		return nil, err
	}
	if e.Commitment == nil {
		signature, err := via.SignAsDevice(content)
		return &wipev1.SignedStatement{Content: content, Signature: signature}, err
	}
	key, err := x.o.Device.ReceiptKey(e.OrderID)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(content)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	return &wipev1.SignedStatement{Content: content, Signature: signature}, err
}

// statement begins a statement about the order.
func (e *Entry) statement() *wipev1.Statement {
	return &wipev1.Statement{
		Format: statementFormat, OrderId: e.OrderID, DeviceId: e.DeviceID, Epoch: e.Epoch, Sequence: e.Sequence,
		Scope: e.Scope.wire(), OrderSha256: e.Digest,
	}
}

// encode gives the same bytes for the same statement.
func encode(m *wipev1.Statement) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}
