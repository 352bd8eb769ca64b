package session

import (
	"context"

	"google.golang.org/grpc"

	"ringfence/internal/device"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Company is an enrolment of a phone that is the company's own. Only such an
// enrolment yields one, and what only such a phone can be ordered to do begins
// here: a phone keeps the steps that reset it behind this value too.
type Company struct{ mode device.Mode }

// Company gives the enrolment as one of a company's phone; nil on any other.
func (e Enrollment) Company() *Company {
	if device.Ownership(e.Ownership) != device.Company {
		return nil
	}
	return &Company{mode: device.Mode(e.Mode)}
}

// HasPersonalSide reports whether the phone keeps a personal side apart.
func (c *Company) HasPersonalSide() bool { return c.mode.HasWorkProfile() }

// orders fetches the orders for the whole device.
func (c *Company) orders(ctx context.Context, conn *grpc.ClientConn) ([]*wipev1.SignedWholeDeviceOrder, error) {
	response, err := wipev1.NewCompanyDeviceServiceClient(conn).FetchWholeDeviceOrders(ctx, &wipev1.FetchWholeDeviceOrdersRequest{})
	orders := response.GetOrders()
	return orders[:min(len(orders), maxOrders)], err
}
