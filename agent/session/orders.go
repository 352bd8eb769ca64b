package session

import (
	"context"
	"crypto"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// unlessBegun leaves a part out once an order has begun to remove what the
// enrolment goes with: nothing of the company's is put on the phone any more.
func (v *visit) unlessBegun(part func() error) func() error {
	return func() error {
		begun, err := v.session.o.Wiper.Begun()
		if err != nil || begun {
			return err
		}
		return part()
	}
}

// orders fetches and carries out orders.
func (v *visit) orders() error {
	given, err := v.fetch()
	if err != nil {
		return fmt.Errorf("fetch orders: %w", err)
	}
	via, err := v.wipeServer()
	if err != nil {
		return err
	}
	result, err := v.session.o.Wiper.Execute(v.ctx, via, given)
	if result.Waiting {
		v.dueAt(v.session.o.Now().Add(whileWaiting))
	}
	if err != nil {
		return fmt.Errorf("carry out orders: %w", err)
	}
	if result.Ended {
		return errFinished
	}
	return nil
}

// fetch fetches orders of both kinds, or none: they are carried out by number.
// Those for the whole device come second: what is ordered in between then has a
// greater number than all that came.
func (v *visit) fetch() (given wipe.Fetched, err error) {
	call, cancel := context.WithTimeout(v.ctx, callTimeout)
	defer cancel()
	response, err := wipev1.NewWipeServiceClient(v.conn).FetchOrders(call, &wipev1.FetchOrdersRequest{})
	if err != nil {
		return given, err
	}
	orders := response.GetOrders()
	given.Orders = orders[:min(len(orders), maxOrders)]
	e, err := v.session.enrollment()
	if err != nil {
		return given, err
	}
	if company := e.Company(); company != nil {
		given.WholeDevice, err = company.orders(call, v.conn)
		if status.Code(err) == codes.Unimplemented { // a server from before there were any
			err = nil
		}
	}
	return given, err
}

// wipeServer is the server as orders are answered to it.
func (v *visit) wipeServer() (timed, error) {
	key, err := v.session.deviceKey()
	return timed{wipe: wipev1.NewWipeServiceClient(v.conn), key: key}, err
}

// lease takes over the lease of the manifest.
func (v *visit) lease() error {
	via, err := v.wipeServer()
	if err != nil {
		return err
	}
	again, err := v.session.o.Leases.Follow(v.ctx, via)
	if again {
		v.dueAt(v.session.o.Now().Add(afterRefusal))
	}
	return err
}

// enrollment gives the enrolment while it lasts.
func (s *Session) enrollment() (Enrollment, error) {
	state, err := s.o.Store.LoadState()
	if err != nil {
		return Enrollment{}, err
	}
	return state.active()
}

// deviceKey gives the key of the certificate in use. Every connection that calls
// are made on shows that one: a renewed certificate is made the one in use first.
func (s *Session) deviceKey() (crypto.Signer, error) {
	e, err := s.enrollment()
	if err != nil {
		return nil, err
	}
	return s.o.Keys.Key(e.Current.Key)
}
