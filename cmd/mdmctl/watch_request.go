package main

import (
	"cmp"
	"context"
	"fmt"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// requestWatch looks at one request, and at its orders once there are any.
type requestWatch struct {
	app *app
	c   *client
	id  string
}

// look is done when every order of the request is.
func (w requestWatch) look() look {
	see := wipeWatch{app: w.app, c: w.c, filter: &wipev1.ListWipesRequest{RequestId: w.id}}.see()
	last := wipev1.RequestState_REQUEST_STATE_WAITING
	return func(ctx context.Context) (bool, error) {
		m, err := getRequest(ctx, w.c, w.id)
		if err != nil {
			return false, wrapped(err, "request", w.id)
		}
		r := m.GetRequest()
		if state := r.GetState(); state != last {
			last = state
			fmt.Fprintf(w.app.out, "%s  request %s  %s\n", w.app.stamp(), printable(w.id), printable(requestStanding(r)))
		}
		switch r.GetState() {
		case wipev1.RequestState_REQUEST_STATE_WAITING:
			return false, nil
		case wipev1.RequestState_REQUEST_STATE_EXECUTED:
			orders, err := see(ctx)
			if err != nil {
				return false, err
			}
			return w.reached(orders)
		default:
			return false, w.endedAs(r)
		}
	}
}

// reached reports whether every order is done; an error once all have ended and
// some in another way.
func (w requestWatch) reached(orders []*wipev1.Order) (bool, error) {
	otherwise := 0
	for _, o := range orders {
		switch {
		case !final(o.GetState()):
			return false, nil
		case o.GetState() != wipev1.State_STATE_DONE:
			otherwise++
		}
	}
	if otherwise > 0 {
		return false, fmt.Errorf("request %q: %d of %s did not end as done: see mdmctl get wipes --request %s",
			w.id, otherwise, count(len(orders), "order"), w.id)
	}
	return true, nil
}

func (w requestWatch) endedAs(r *wipev1.WipeRequest) error {
	err := fmt.Errorf("request %q ended as %s", w.id, requestState(r))
	if why := cmp.Or(r.GetDecision(), r.GetOutcome()); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	return err
}
