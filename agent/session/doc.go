// Package session is how a phone talks to its server: it joins with a token,
// keeps its certificate fresh, listens to one doorbell stream, and at each ring
// looks again: orders first, then the manifest, then a check-in.
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
package session
