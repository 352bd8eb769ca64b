// Package session is how a phone talks to its server: it joins with a token,
// keeps its certificate fresh, listens to one doorbell stream, and at each ring
// looks again: orders first, then the manifest, then a check-in, then the lease.
//
// The phone trusts a server by a root certificate, or the pin of one, that came
// to it beside the token, and from then on by the roots it joined under. Those
// never grow: a server, or whoever has taken one over, cannot add a root and
// sign wipe orders under it.
//
// Everything that may be cut short is written down first. A join that got no
// answer is repeated with the same certificate request, which the server
// recognises. A renewed certificate is used first while the old one still
// works, and the old one goes only after the server has accepted the new one.
//
// A lost or refusing server is waited for, with full jitter between 0 and a
// bound that doubles from half a second to a minute. A server that says that
// the enrolment has ended is believed, and that is all: the phone stops talking
// and keeps its data.
//
// The lease is looked at before any of this, at every start and before every
// attempt, and each minute between them: it needs no server. An answered check-in
// is contact; a phone whose work side the lease has locked checks in at every look.
// Once an order has begun to remove what the enrolment goes with, the phone does
// nothing more but tell so.
//
// Orders for the whole device are asked for by a Company, which only the enrolment
// of a company's phone yields.
package session
