package wipe

import (
	"context"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// List gives one page of what the caller reaches, newest first, and where the next
// one begins: the zero Cursor after the last. A page of long receipts ends early.
// Limit must be positive.
func (s *Service) List(ctx context.Context, q Query) (page []Order, next Cursor, err error) {
	if q.Limit < 1 {
		return nil, Cursor{}, fault.InvalidField("page_size", "must be positive")
	}
	c := identity.From(ctx)
	if reachesNothing(c) {
		return nil, Cursor{}, nil
	}
	q.Groups = c.Groups
	weight := 0
	for {
		part := q
		part.Limit = min(q.Limit-len(page), maxPart) + 1 // one more tells whether there is more
		orders, err := s.store.List(ctx, part)
		if err != nil {
			return nil, Cursor{}, err
		}
		for i, o := range orders {
			if len(page) == q.Limit || weight >= maxPageBytes {
				return page, q.After, nil
			}
			if i == maxPart {
				break
			}
			page, q.After = append(page, o), o.cursor()
			weight += o.weight()
		}
		if len(orders) < part.Limit {
			return page, Cursor{}, nil
		}
	}
}

// reachesNothing reports whether no device is the caller's business, who is no
// administrator, or one for no group at all.
func reachesNothing(c identity.Caller) bool {
	return !c.Is(identity.Admin) || c.Groups != nil && len(c.Groups) == 0
}

// A page is read in parts and stays well below what a client takes.
const (
	maxPart      = 100
	maxPageBytes = 1 << 20
)

// weight is about how many bytes the order takes on the wire.
func (o Order) weight() int {
	n := 1024 + weightOf(o.Scope.packages)
	if o.Commitment != nil {
		n += weightOf(o.Commitment.Packages)
	}
	if o.Receipt != nil {
		n += weightOf(o.Receipt.Packages)
	}
	return n
}

func weightOf(packages []string) (n int) {
	for _, p := range packages {
		n += len(p) + 2
	}
	return n
}
