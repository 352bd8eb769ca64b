package wiperpc

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// statementFormat is how every statement begins, so that nothing else that is
// signed with the same key can be taken for one.
const statementFormat = "ringfence.wipe.statement.v1"

const statementField = "statement"

func badStatement(problem string) error { return fault.InvalidField(statementField, "%s", problem) }

// toStatement reads what a device has signed. Chain is the certificate of the
// connection it came on; it is left out where the receipt key must have signed.
func toStatement(s *wipev1.SignedStatement, chain [][]byte) (*wipe.Statement, error) {
	m, err := parseStatement(s.GetContent())
	if err != nil {
		return nil, err
	}
	// Absent for the one scope that it has no word for; whether the order has that
	// one is for wipe to say.
	var scope wipe.Scope
	if m.Scope != nil {
		if scope, err = toScope(m.Scope); err != nil {
			return nil, badStatement("has a scope that none can have")
		}
	}
	d := &wipe.Statement{
		Order: wipe.ID(m.GetOrderId()), Device: device.ID(m.GetDeviceId()),
		Epoch: device.Epoch(m.GetEpoch()), Sequence: m.GetSequence(), Scope: scope,
		Proof: wipe.Proof{Content: s.GetContent(), Signature: s.GetSignature(), Chain: chain},
	}
	if !toDigest(&d.OrderDigest, m.GetOrderSha256()) {
		return nil, badStatement("does not name the order by its SHA-256")
	}
	switch is := m.GetWhat().(type) {
	case *wipev1.Statement_Commitment:
		d.Commitment, err = toCommitment(is.Commitment)
	case *wipev1.Statement_Completion:
		err = completed(d, is.Completion)
	default:
		err = badStatement("states nothing")
	}
	return d, err
}

func parseStatement(content []byte) (*wipev1.Statement, error) {
	m := &wipev1.Statement{}
	if err := proto.Unmarshal(content, m); err != nil {
		return nil, badStatement("cannot be read")
	}
	if m.GetFormat() != statementFormat {
		return nil, badStatement("has another format")
	}
	// What nobody here can read must not be kept as somebody's word.
	if hasUnknown(m.ProtoReflect()) {
		return nil, badStatement("has a field that is not known here")
	}
	return m, nil
}

func toCommitment(c *wipev1.Commitment) (*wipe.Commitment, error) {
	if err := c.GetCommittedAt().CheckValid(); err != nil {
		return nil, fault.InvalidField(statementField+".commitment.committed_at", "is not a time")
	}
	return &wipe.Commitment{
		At: c.GetCommittedAt().AsTime(), Packages: c.GetPackages(),
		Files: c.GetFiles(), Bytes: c.GetSizeBytes(), Keys: c.GetKeys(), Certificates: c.GetCertificates(),
		Key: c.GetReceiptKey(),
	}, nil
}

// completed adds what a completion says. That of an order which ends the enrolment
// is by the receipt key, for which the certificate of the connection does not
// vouch; the one such scope that has no word here is the whole device's.
func completed(d *wipe.Statement, c *wipev1.Completion) error {
	receipt, err := toReceipt(c.GetReceipt())
	if err != nil {
		return err
	}
	d.Receipt = &receipt
	if d.Scope.EndsEnrollment() || d.Scope.Kind() == "" {
		d.Proof.Chain = nil
	}
	if len(c.GetCommitmentSha256()) > 0 && !toDigest(&d.CommitmentDigest, c.GetCommitmentSha256()) {
		return badStatement("names its commitment by something that is not a SHA-256")
	}
	return nil
}

func toDigest(d *wipe.Digest, raw []byte) bool {
	return copy(d[:], raw) == len(d) && len(raw) == len(d)
}

// hasUnknown reports whether a message, or one inside it, has an unknown field.
func hasUnknown(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() != nil && !f.IsList() && !f.IsMap() {
			found = hasUnknown(v.Message())
		}
		return !found
	})
	return found
}

// acknowledges gives the event of a promise.
func acknowledges(s *wipev1.SignedStatement, chain [][]byte) (wipe.Event, error) {
	if s == nil {
		return wipe.Event{Kind: wipe.Acknowledge}, nil
	}
	d, err := toStatement(s, chain)
	return wipe.Event{Kind: wipe.Acknowledge, Statement: d}, err
}

// finishes gives the event of a receipt. What is said aloud and what is signed
// must be the same.
func finishes(r *wipev1.Receipt, s *wipev1.SignedStatement, chain [][]byte) (wipe.Event, error) {
	if _, err := toReceipt(r); err != nil {
		return wipe.Event{}, err
	}
	if s == nil {
		return wipe.Event{}, badStatement("is required with done")
	}
	d, err := toStatement(s, chain)
	if err != nil {
		return wipe.Event{}, err
	}
	m, err := parseStatement(s.GetContent())
	if err != nil {
		return wipe.Event{}, err
	}
	if !proto.Equal(r, m.GetCompletion().GetReceipt()) {
		return wipe.Event{}, badStatement("has another receipt than done")
	}
	return wipe.Event{Kind: wipe.Finish, Statement: d}, nil
}

// fromEvidence shows what a device signed. What the bytes say is compared with
// the order once more: the database keeps them apart.
func fromEvidence(e wipe.Evidence, order *wipev1.Order, roots [][]byte) (*wipev1.GetWipeReceiptResponse, error) {
	r := &wipev1.GetWipeReceiptResponse{Order: order, SignedOrder: e.Signed, Roots: roots}
	var err error
	if r.Commitment, err = fromProof(e.Order, e.Proofs.Commitment); err != nil {
		return nil, err
	}
	r.Receipt, err = fromProof(e.Order, e.Proofs.Receipt)
	return r, err
}

func fromProof(o wipe.Order, p *wipe.Proof) (*wipev1.Evidence, error) {
	if p == nil {
		return nil, nil
	}
	d, err := toStatement(&wipev1.SignedStatement{Content: p.Content, Signature: p.Signature}, p.Chain)
	if err != nil {
		return nil, damaged(o, err)
	}
	if err := d.Matches(o); err != nil {
		return nil, damaged(o, err)
	}
	key, err := p.PublicKey(o.Commitment)
	if err != nil {
		return nil, damaged(o, err)
	}
	return &wipev1.Evidence{Content: p.Content, Signature: p.Signature, PublicKey: key, CertificateChain: p.Chain}, nil
}

func damaged(o wipe.Order, cause error) error {
	return fault.New(fault.Internal, "", "what the device signed for order %s is damaged", o.ID).WithCause(cause)
}

var refusals = map[wipev1.Refusal]string{
	wipev1.Refusal_REFUSAL_SIGNATURE: "signature",
	wipev1.Refusal_REFUSAL_IDENTITY:  "identity",
	wipev1.Refusal_REFUSAL_DEVICE:    "device",
	wipev1.Refusal_REFUSAL_EPOCH:     "epoch",
	wipev1.Refusal_REFUSAL_TIME:      "time",
	wipev1.Refusal_REFUSAL_SEQUENCE:  "sequence",
}

func refuses(r *wipev1.Refused) (wipe.Event, error) {
	why, ok := refusals[r.GetReason()]
	if !ok {
		return wipe.Event{}, fault.InvalidField("refused.reason", "is not a reason to refuse an order")
	}
	if r.GetDetail() != "" {
		why += ": " + r.GetDetail()
	}
	return wipe.Event{Kind: wipe.Refuse, Reason: why}, nil
}
