package forwardauth

import (
	"encoding/json"
	"net/netip"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// linkFor is how long the link to the remedy holds.
const linkFor = time.Hour

// maxTicket bounds a sealed ticket in a link, maxTicketPath what it keeps of the
// path that was asked for: it goes through headers, which proxies bound.
const (
	maxTicket     = 4 << 10
	maxTicketPath = 256
)

// ticket is what a link has sealed in it: how to ask the same again. What was
// found is not in it, and neither is what was answered, but for a request that
// nobody was asked about.
type ticket struct {
	At           int64            `json:"t"` // in seconds of Unix time
	Reason       Reason           `json:"r,omitempty"`
	Person       string           `json:"n,omitempty"`
	App          string           `json:"a,omitempty"`
	Client       access.ClientApp `json:"c,omitempty"`
	Address      netip.Addr       `json:"i,omitzero"`
	MFA          bool             `json:"m,omitempty"`
	Bound        bool             `json:"b,omitempty"`
	Device       device.ID        `json:"d,omitempty"`
	Registration device.ID        `json:"g,omitempty"`
	Method       string           `json:"q,omitempty"`
	Host         string           `json:"h,omitempty"`
	Path         string           `json:"p,omitempty"`
}

// link gives the address of the page about a verdict.
func (d *Door) link(v *verdict) string {
	in := &v.question.SignIn
	t := ticket{
		At: d.c.Now().Unix(), Person: in.Person.Name, App: v.settings.app, Client: in.Client, Address: in.Address,
		MFA: in.MFA, Bound: in.CertificateBound, Device: v.question.Device, Registration: v.question.Registration,
	}
	if v.outcome == Refused {
		t.Reason = v.reason
	}
	if r := in.Request; r != nil {
		host, _ := r.Resource["host"].(string)
		path, _ := r.Resource["path"].(string)
		t.Method, t.Host, t.Path = r.Action, host, path[:min(len(path), maxTicketPath)]
	}
	plain, err := json.Marshal(t)
	if err != nil {
		panic("forwardauth: texts and numbers always marshal: " + err.Error())
	}
	return d.c.BaseURL + RemedyPath + d.c.Links.Seal(plain)
}

// open gives the ticket in a link, and false where there is none that still holds.
func (d *Door) open(sealed string) (ticket, bool) {
	var t ticket
	if sealed == "" || len(sealed) > maxTicket {
		return t, false
	}
	plain, err := d.c.Links.Open(sealed)
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return ticket{}, false
	}
	// One from the future was made by a server whose clock is ahead.
	age := d.c.Now().Sub(time.Unix(t.At, 0))
	return t, age < linkFor && age > -linkFor
}

// question gives what was asked, to be asked again.
func (t *ticket) question() access.Question {
	q := access.Question{
		SignIn: access.SignIn{
			Person: access.Person{Name: t.Person}, App: t.App, Client: t.Client, Address: t.Address,
			MFA: t.MFA, CertificateBound: t.Bound,
		},
		Device: t.Device, Registration: t.Registration,
	}
	if t.Method != "" {
		q.SignIn.Request = requestOf(t.Method, t.Host, t.Path)
	}
	return q
}
