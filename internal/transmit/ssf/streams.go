package ssf

import (
	"net/http"
	"net/url"

	"ringfence/internal/transmit"
)

const streamID = "stream_id"

// asked gives the stream_id of the query, and whether there is one.
func (c *call) asked() (id string, there bool, err error) {
	query, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return "", false, bad("the query cannot be read")
	}
	switch ids := query[streamID]; len(ids) {
	case 0:
		return "", false, nil
	case 1:
		return ids[0], true, nil
	default:
		return "", false, bad("%s is there twice", streamID)
	}
}

// named gives the stream_id of the query, which must be there.
func (c *call) named() (string, error) {
	id, there, err := c.asked()
	if err == nil && !there {
		err = bad("%s: is required", streamID)
	}
	return id, err
}

// read gives one stream, or all of the client's.
func (d *Door) read(c *call) (answer, error) {
	id, there, err := c.asked()
	if err != nil {
		return answer{}, err
	}
	if there {
		st, err := d.c.Service.Stream(c.Context(), c.owner, id)
		return d.show(http.StatusOK, st, err)
	}
	streams, err := d.c.Service.Streams(c.Context(), c.owner)
	if err != nil {
		return answer{}, err
	}
	all := make([]configuration, len(streams))
	for i := range streams {
		all[i] = d.shown(&streams[i])
	}
	return answer{http.StatusOK, all}, nil
}

// show answers with a stream.
func (d *Door) show(status int, st transmit.Stream, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return answer{status, d.shown(&st)}, nil
}

// create makes a stream. What is the transmitter's to say is passed over.
func (d *Door) create(c *call) (answer, error) {
	g, err := c.given()
	if err != nil {
		return answer{}, err
	}
	w := g.wanted()
	if *g.err != nil {
		return answer{}, *g.err
	}
	st, err := d.c.Service.Create(c.Context(), c.owner, w.spec())
	return d.show(http.StatusCreated, st, err)
}

// change reads what is wanted of a stream there is.
func (d *Door) change(c *call) (wanted, transmit.Stream, error) {
	g, err := c.given()
	if err != nil {
		return wanted{}, transmit.Stream{}, err
	}
	id, w := g.required(streamID), g.wanted()
	if *g.err != nil {
		return wanted{}, transmit.Stream{}, *g.err
	}
	st, err := d.c.Service.Stream(c.Context(), c.owner, id)
	if err != nil {
		return wanted{}, transmit.Stream{}, err
	}
	d.checkSupplied(g, &st)
	return w, st, *g.err
}

// update changes what is named, and nothing else.
func (d *Door) update(c *call) (answer, error) {
	w, st, err := d.change(c)
	if err != nil {
		return answer{}, err
	}
	if p := w.patch(&st); p != (transmit.Patch{}) {
		st, err = d.c.Service.Update(c.Context(), c.owner, st.ID, p)
	}
	return d.show(http.StatusOK, st, err)
}

// replace puts what is named in the place of all that the receiver said before.
func (d *Door) replace(c *call) (answer, error) {
	w, st, err := d.change(c)
	if err != nil {
		return answer{}, err
	}
	st, err = d.c.Service.Replace(c.Context(), c.owner, st.ID, w.spec())
	return d.show(http.StatusOK, st, err)
}

// remove drops a stream.
func (d *Door) remove(c *call) (answer, error) {
	id, err := c.named()
	if err == nil {
		err = d.c.Service.Delete(c.Context(), c.owner, id)
	}
	return answer{status: http.StatusNoContent}, err
}

// statusShown is a stream's status (SSF 1.0, 8.1.2).
type statusShown struct {
	ID     string          `json:"stream_id"`
	Status transmit.Status `json:"status"`
	Reason string          `json:"reason,omitempty"`
}

func showStatus(st *transmit.Stream) answer {
	return answer{http.StatusOK, statusShown{st.ID, st.Status, st.StatusReason}}
}

func (d *Door) readStatus(c *call) (answer, error) {
	id, err := c.named()
	if err != nil {
		return answer{}, err
	}
	st, err := d.c.Service.Stream(c.Context(), c.owner, id)
	return showStatus(&st), err
}

func (d *Door) setStatus(c *call) (answer, error) {
	g, err := c.given()
	if err != nil {
		return answer{}, err
	}
	id, status, reason := g.required(streamID), g.required("status"), or(g.text("reason"), "")
	if *g.err != nil {
		return answer{}, *g.err
	}
	st, err := d.c.Service.SetStatus(c.Context(), c.owner, id, transmit.Status(status), reason)
	return showStatus(&st), err
}
