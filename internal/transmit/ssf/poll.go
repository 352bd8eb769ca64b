package ssf

import (
	"net/http"
	"sync"

	"ringfence/internal/transmit"
)

// maxPolls is how many polls of one client may wait at a time.
const maxPolls = 10

// polls counts the polls that are under way, by client.
type polls struct {
	mu sync.Mutex
	of map[string]int
}

// enter counts one more, unless there are too many, and gives the function that
// ends it.
func (p *polls) enter(client string) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = make(map[string]int)
	}
	if p.of[client] >= maxPolls {
		return nil, false
	}
	p.of[client]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.of[client]--; p.of[client] == 0 {
			delete(p.of, client)
		}
	}, true
}

// polled is the answer to a poll (RFC 8936, 2.3).
type polled struct {
	Sets map[string]string `json:"sets"`
	More bool              `json:"moreAvailable,omitempty"`
}

// poll takes what a receiver says of earlier events, and gives it others.
func (d *Door) poll(c *call) (answer, error) {
	g, err := c.given()
	if err != nil {
		return answer{}, err
	}
	request := g.pollRequest()
	if *g.err != nil {
		return answer{}, *g.err
	}
	leave, ok := d.polls.enter(c.owner.ID)
	if !ok {
		return answer{}, tooMany("too many polls at a time", "1")
	}
	defer leave()
	a, err := d.c.Service.Poll(c.Context(), c.owner, c.PathValue("id"), request)
	if err != nil {
		return answer{}, err
	}
	if a.Sets == nil {
		a.Sets = map[string]string{}
	}
	return answer{http.StatusOK, polled{a.Sets, a.MoreAvailable}}, nil
}

// pollRequest reads a request (RFC 8936, 2.2).
func (g *given) pollRequest() transmit.PollRequest {
	r := transmit.PollRequest{
		MaxEvents: g.whole("maxEvents"), ReturnImmediately: g.flag("returnImmediately"), Ack: g.texts("ack"),
	}
	errs := g.object("setErrs")
	if errs == nil {
		return r
	}
	r.SetErrs = make(map[string]string, len(errs.o))
	for jti := range errs.o {
		e := errs.object(jti)
		if e == nil {
			errs.complain(jti, "must be an object")
			break
		}
		r.SetErrs[jti] = e.required("err") + ": " + or(e.text("description"), "")
	}
	return r
}
