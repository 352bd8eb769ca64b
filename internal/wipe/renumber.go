package wipe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// standing is what decides whether a device may take an order up.
type standing struct {
	breaker Breaker
	// acted is the highest sequence that the device has acknowledged.
	acted uint64
}

// passed reports whether the device has gone past the order: it has acknowledged
// one with a higher number, and acts on none with a lower one any more.
func (o Order) passed(acted uint64) bool {
	return (o.State == Pending || o.State == Delivered) && o.Sequence < acted
}

// renumbered gives the orders that the device has gone past a new number, and all
// of them in the order of their numbers. It happens to one that was held, or put
// back, while a later one passed it, such as a lock. Until the device promises,
// nothing is bound to a number.
func (s *Service) renumbered(ctx context.Context, orders []Order) ([]Order, error) {
	if !slices.ContainsFunc(orders, func(o Order) bool { return o.State != Acknowledged }) {
		return orders, nil
	}
	acted, err := s.store.Acted(ctx, orders[0].Device)
	if err != nil {
		return nil, err
	}
	for i, o := range orders {
		if !o.passed(acted) {
			continue
		}
		o.Version++
		orders[i], err = s.store.Renumber(ctx, o, entry(ctx, "wipe.renumber", o,
			fmt.Sprintf("order %s (%s): the device has gone past its number %d", o.ID, o.Scope, o.Sequence)))
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(orders, func(a, b Order) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return orders, nil
}
