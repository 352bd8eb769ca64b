package wipedb

import (
	"context"
	"crypto/x509"
	"slices"

	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// The kinds of proof.
const (
	commitment = "commitment"
	receipt    = "receipt"
)

// proofRow is one row of wipe_proofs.
type proofRow struct {
	OrderID   string `gorm:"column:order_id;primaryKey"`
	Kind      string `gorm:"column:kind;primaryKey"`
	Content   []byte `gorm:"column:content"`
	Signature []byte `gorm:"column:signature"`
	Chain     []byte `gorm:"column:chain"`
}

// TableName names the table for gorm.
func (proofRow) TableName() string { return "wipe_proofs" }

func toProof(c wipe.Change) proofRow {
	r := proofRow{
		OrderID: string(c.Order.ID), Kind: commitment,
		Content: c.Proof.Content, Signature: c.Proof.Signature, Chain: slices.Concat(c.Proof.Chain...),
	}
	if c.Order.State == wipe.Done {
		r.Kind = receipt
	}
	return r
}

// moved says of a proof that is there already that somebody else was faster.
func moved(err error) error {
	if fault.KindOf(sqldb.Fault(err)) == fault.Conflict {
		return wipe.ErrMoved
	}
	return err
}

func (r proofRow) proof() (*wipe.Proof, error) {
	p := &wipe.Proof{Content: r.Content, Signature: r.Signature}
	certificates, err := x509.ParseCertificates(r.Chain)
	if err != nil {
		return nil, fault.New(fault.Internal, "", "the %s of wipe order %q is damaged", r.Kind, r.OrderID).WithCause(err)
	}
	for _, c := range certificates {
		p.Chain = append(p.Chain, c.Raw)
	}
	return p, nil
}

// Proofs is as wipe.Orders says.
func (s *Store) Proofs(ctx context.Context, id wipe.ID) (wipe.Proofs, error) {
	var rows []proofRow
	if err := s.db.Read(ctx).Where("order_id = ?", string(id)).Find(&rows).Error; err != nil {
		return wipe.Proofs{}, sqldb.Fault(err)
	}
	var p wipe.Proofs
	for _, r := range rows {
		proof, err := r.proof()
		if err != nil {
			return wipe.Proofs{}, err
		}
		switch r.Kind {
		case commitment:
			p.Commitment = proof
		case receipt:
			p.Receipt = proof
		}
	}
	return p, nil
}
