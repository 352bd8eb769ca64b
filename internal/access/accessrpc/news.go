package accessrpc

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"ringfence/internal/access"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// told is what a watcher knows of an answer, as far as it is worth telling when
// it is another: not versions and times, which change all the time.
type told struct {
	outcome, withReportOnly access.Outcome
	owed                    access.Owed
	session                 sessionTold
	user                    string
	// reasons is a digest of the explanation; zero where none is asked for.
	reasons [sha256.Size]byte
}

type sessionTold struct {
	every     bool
	frequency time.Duration
	labels    string
}

// newsOf gives what to tell of an answer. The decision for the wire is made along
// with it only where its reasons count, and is nil otherwise.
func newsOf(a *access.Answer, explain bool) (told, *accessv1.Decision) {
	d := &a.Decision
	session := d.Session()
	t := told{
		outcome: d.Outcome, withReportOnly: d.WithReportOnly, user: a.SignIn.Person.Name,
		session: sessionTold{session.EverySignIn, session.SignInFrequency, strings.Join(session.Labels, " ")},
	}
	// What another choice makes superfluous is nothing to tell of.
	for _, choice := range d.Owed.Choices() {
		t.owed |= 1 << choice
	}
	if !explain {
		return t, nil
	}
	w := decisionToWire(a, true)
	t.reasons = digestOf(w.GetExplanation())
	return t, w
}

// digestOf leaves out what changes with the time and with each check-in that says
// the same.
func digestOf(e *accessv1.Explanation) [sha256.Size]byte {
	e = proto.CloneOf(e)
	for _, p := range e.GetPolicies() {
		for _, c := range p.GetControls() {
			c.Age = nil
		}
	}
	for _, x := range e.GetEvidence() {
		x.Version, x.ObservedAt, x.Age, x.ChangesAt = 0, nil, nil, nil
	}
	octets, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	if err != nil { // a text that is none: what is told may be told twice
		return sha256.Sum256(fmt.Append(nil, e))
	}
	return sha256.Sum256(octets)
}
