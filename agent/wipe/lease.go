package wipe

import (
	"context"
	"errors"
	"fmt"
	"time"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Lease is an order that was signed in advance, as the phone keeps it until
// it was out of contact for too long.
type Lease struct {
	// Number is that of the lease in the manifest.
	Number     uint64 `json:"number"`
	OrderID    string `json:"orderId"`
	SignedData []byte `json:"signedData"`
	// WipeAfter is for how long the phone must have been out of contact, as it
	// was signed.
	WipeAfter time.Duration `json:"wipeAfter"`
	// VerifiedAt is when the signature was verified: its certificate may have
	// ended by the time the order is carried out.
	VerifiedAt time.Time `json:"verifiedAt"`
}

// CheckLease verifies what the server gave as the order of a lease, as it does
// any order; besides, it must name that lease and a work profile. It refuses
// aloud what is none, and carries nothing out.
func (x *Executor) CheckLease(ctx context.Context, via Reporter, signed *wipev1.SignedOrder, number uint64) (Lease, error) {
	e, err := x.o.Device.Enrollment()
	if err != nil {
		return Lease{}, err
	}
	now := x.o.Now()
	_, wipeAfter, err := verifyLease(signed, number, e, now)
	if r, ok := errors.AsType[*refusal](err); ok {
		err = errors.Join(err, x.refuse(ctx, via, signed.GetOrderId(), r))
	}
	if err != nil {
		return Lease{}, fmt.Errorf("the order of lease %d: %w", number, err)
	}
	return Lease{
		Number: number, OrderID: signed.GetOrderId(), SignedData: signed.GetSignedData(),
		WipeAfter: wipeAfter, VerifiedAt: now.UTC(),
	}, nil
}

// Holds reports whether the order of a lease is still as good as when it was
// verified: it no longer is once the phone trusts its signer's root no more.
func (x *Executor) Holds(l Lease) (bool, error) {
	e, err := x.o.Device.Enrollment()
	if err != nil {
		return false, err
	}
	_, _, err = l.verify(e)
	return err == nil, nil
}

// verify verifies a lease that was kept, as of when it was verified first.
func (l Lease) verify(e Enrollment) (Order, time.Duration, error) {
	return verifyLease(&wipev1.SignedOrder{OrderId: l.OrderID, SignedData: l.SignedData}, l.Number, e, l.VerifiedAt)
}

// verifyLease is verify for orders with a lease. Everything that is wrong with
// one is a refusal: there is no order for it to fail. Its own end does not end
// it.
func verifyLease(signed *wipev1.SignedOrder, number uint64, e Enrollment, at time.Time) (Order, time.Duration, error) {
	m, o, err := read(signed, e, at)
	if err != nil {
		return Order{}, 0, err
	}
	if o.Scope, err = scopeOf(m.GetScope(), e); err != nil {
		return Order{}, 0, unwanted(wipev1.Refusal_REFUSAL_IDENTITY, "%v", err)
	}
	lease := m.GetLease()
	wipeAfter := lease.GetWipeAfter().AsDuration()
	switch {
	case lease == nil || lease.GetNumber() != number || number == 0:
		err = unwanted(wipev1.Refusal_REFUSAL_IDENTITY, "its lease is %d, that of the manifest %d", lease.GetNumber(), number)
	case o.Scope.Kind != WorkProfile:
		err = unwanted(wipev1.Refusal_REFUSAL_IDENTITY, "a lease takes the work profile, and nothing else")
	case lease.GetWipeAfter().CheckValid() != nil || wipeAfter <= 0:
		err = unwanted(wipev1.Refusal_REFUSAL_TIME, "its lease has no end")
	case hasUnknown(m.ProtoReflect()):
		err = unwanted(wipev1.Refusal_REFUSAL_IDENTITY, "it asks something this agent does not know")
	}
	return o, wipeAfter, err
}

// CarryOut carries out the order of a lease, without any server: the phone
// commits itself, and removes. What it has done it tells when there is contact
// again; see Execute. Called again, it goes on where it was.
//
// It is for the caller to know that the phone was out of contact for long
// enough.
func (x *Executor) CarryOut(ctx context.Context, l Lease) error {
	j, err := x.o.Device.LoadJournal()
	if err != nil {
		return err
	}
	if !j.begun() {
		if err := x.begin(ctx, &j, l); err != nil {
			return err
		}
	}
	if j.Current.Phase == Acknowledged || j.Current.Phase == Committed {
		return x.remove(ctx, &j)
	}
	return nil
}

// begin makes the order of a lease the one under way.
func (x *Executor) begin(ctx context.Context, j *Journal, l Lease) error {
	e, err := x.o.Device.Enrollment()
	if err != nil {
		return err
	}
	o, _, err := l.verify(e)
	if err != nil {
		return fmt.Errorf("the order of lease %d: %w", l.Number, err)
	}
	if err := x.makeWay(ctx, j); err != nil {
		return err
	}
	if err := x.take(j, o); err != nil {
		return err
	}
	j.Current.Lease = true
	j.act()
	x.o.Log.Warn("the lease has run out: the work profile goes", "order", o.ID, "lease", l.Number)
	return x.enter(j, Committed)
}

// makeWay ends the order under way, if any, which takes less than the lease. One
// that the server may not know to be promised dies; a promise is kept first, and
// its receipt is given when the server asks for it.
func (x *Executor) makeWay(ctx context.Context, j *Journal) error {
	if j.Current == nil {
		return nil
	}
	if j.Current.Phase == Accepted {
		return x.end(j, Dropped, "the lease ran out before the server kept the acknowledgement")
	}
	if j.Current.Phase == Acknowledged {
		if err := x.remove(ctx, j); err != nil {
			return err
		}
	}
	return x.end(j, Finished, "done; the lease ran out before the report")
}
