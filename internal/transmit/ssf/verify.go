package ssf

import (
	"errors"
	"net/http"

	"ringfence/internal/transmit"
)

// verify has a verification event sent. A disabled stream keeps nothing for
// later, and so not this either: the request is taken, and comes to nothing.
func (d *Door) verify(c *call) (answer, error) {
	g, err := c.given()
	if err != nil {
		return answer{}, err
	}
	id, state := g.required(streamID), or(g.text("state"), "")
	if *g.err != nil {
		return answer{}, *g.err
	}
	err = d.c.Service.Verify(c.Context(), c.owner, id, state)
	if errors.Is(err, transmit.ErrDisabled) {
		err = nil
	}
	return answer{status: http.StatusNoContent}, err
}
