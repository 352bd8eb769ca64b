package wipe

import (
	"crypto/sha256"
	"encoding/hex"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// DigestOf gives the digest of some bytes.
func DigestOf(content []byte) Digest { return sha256.Sum256(content) }

// String is lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Statement is what a device has signed about one order: exactly one of
// Commitment and Receipt, and what they are about.
type Statement struct {
	Order    ID
	Device   device.ID
	Epoch    device.Epoch
	Sequence uint64
	Scope    Scope
	// OrderDigest is of the bytes that the order signer signed.
	OrderDigest Digest
	// Commitment is said before anything is removed.
	Commitment *Commitment
	// Receipt is said afterwards.
	Receipt *Receipt
	// CommitmentDigest is of the commitment's content; zero for app data.
	CommitmentDigest Digest
	// Proof is what was signed, as it was signed.
	Proof Proof
}

// about says whether the statement is about the order, all of it. Whose word
// it is, is for the signature to say.
func (s *Statement) about(o Order) error {
	same := s.Order == o.ID && s.Device == o.Device && s.Epoch == o.Epoch && s.Sequence == o.Sequence
	// The one scope that a statement has no word for is named by OrderDigest.
	scope := s.Scope.Equal(o.Scope) || o.Scope.kind == WholeDevice && s.Scope.kind == ""
	if !same || !scope {
		return errStatement("is about another order")
	}
	return nil
}

// Matches says whether a statement that was kept says what is kept of the
// order: it compares, and verifies no signature.
func (s *Statement) Matches(o Order) error {
	if err := s.about(o); err != nil {
		return err
	}
	switch {
	case s.Commitment != nil && o.Commitment != nil:
		c, err := s.Commitment.checked()
		if err != nil {
			return err
		}
		c.Digest = DigestOf(s.Proof.Content)
		if !c.equal(*o.Commitment) {
			return errStatement("is another commitment than was kept")
		}
		return nil
	case s.Receipt != nil && o.Receipt != nil:
		r, err := s.Receipt.checked(o.Scope)
		if err != nil {
			return err
		}
		if !r.equal(*o.Receipt) {
			return errStatement("is another receipt than was kept")
		}
		if c := o.Commitment; c != nil && s.CommitmentDigest != c.Digest {
			return errStatement("confirms another commitment")
		}
		return nil
	default:
		return errStatement("was not kept with the order")
	}
}

// commits gives the commitment of a statement that holds for the order, in the
// form it is kept in.
func (s *Statement) commits(o Order) (*Commitment, error) {
	switch {
	case !o.Scope.EndsEnrollment() && s == nil:
		return nil, nil
	case !o.Scope.EndsEnrollment():
		return nil, errStatement("is for the receipt only where the enrolment stays")
	case s == nil || s.Commitment == nil:
		return nil, errStatement("must be a commitment: a work profile's keys go with it")
	}
	if err := s.about(o); err != nil {
		return nil, err
	}
	c, err := s.Commitment.checked()
	if err != nil {
		return nil, err
	}
	if err := s.Proof.byDevice(); err != nil {
		return nil, errSignature(err)
	}
	c.Digest = DigestOf(s.Proof.Content)
	return &c, nil
}

// confirms gives the receipt of a statement that holds for the order, in the
// form it is kept in.
func (s *Statement) confirms(o Order) (*Receipt, error) {
	if s == nil || s.Receipt == nil {
		return nil, errStatement("must be a completion")
	}
	if err := s.about(o); err != nil {
		return nil, err
	}
	r, err := s.Receipt.checked(o.Scope)
	if err != nil {
		return nil, err
	}
	if err := s.signedFor(o); err != nil {
		return nil, err
	}
	return &r, nil
}

// signedFor says whether the one who must sign the receipt has.
func (s *Statement) signedFor(o Order) error {
	c := o.Commitment
	switch {
	case o.Scope.EndsEnrollment() && c == nil:
		return errStatement("has no commitment to confirm")
	case !o.Scope.EndsEnrollment() && s.CommitmentDigest != (Digest{}):
		return errStatement("names a commitment, and there is none for app data")
	case !o.Scope.EndsEnrollment():
		if err := s.Proof.byDevice(); err != nil {
			return errSignature(err)
		}
		return nil
	case s.CommitmentDigest != c.Digest:
		return errStatement("confirms another commitment")
	case len(s.Proof.Chain) > 0:
		return errStatement("is signed by the device key, and not by the receipt key")
	}
	if err := s.Proof.byKey(c.Key); err != nil {
		return errSignature(err)
	}
	return nil
}

// errStatement says what is wrong with what was signed.
func errStatement(problem string) error { return fault.InvalidField("statement", "%s", problem) }

// errSignature tells a device no more than that; the rest is for the log.
func errSignature(cause error) error {
	return fault.InvalidField("statement.signature", "does not hold").WithCause(cause)
}
