package session

import (
	"encoding/json"
	"errors"
	"time"
)

// What keeps a session from talking.
var (
	// ErrNotEnrolled: there is no enrolment, or it has ended.
	ErrNotEnrolled = errors.New("the phone is not enrolled")
	// ErrEnded: the server said that the enrolment has ended. The phone has
	// written that down and removed nothing.
	ErrEnded = errors.New("the server has ended the enrolment; nothing was removed from the phone")
	// ErrEnrolled: the phone is enrolled and cannot join again before it leaves.
	ErrEnrolled = errors.New("the phone is enrolled already")
)

// State is what a phone knows of its place in the world. It holds no private
// key, only names of keys.
type State struct {
	// HardwareTag is made once and stays across enrolments.
	HardwareTag string `json:"hardwareTag,omitempty"`
	// Joining is a join under way; nil when none is.
	Joining *Joining `json:"joining,omitempty"`
	// Enrollment is the present enrolment, ended or not; nil without one.
	Enrollment *Enrollment `json:"enrollment,omitempty"`
	// Former says how the last enrolment ended that left nothing behind.
	Former *Former `json:"former,omitempty"`
}

// Joining is a join that has been sent, or is about to be.
type Joining struct {
	Server string `json:"server"`
	// TokenHash is the SHA-256 of the token, hex.
	TokenHash string `json:"tokenHash"`
	Key       string `json:"key"`
	// Request is the certificate request; empty until the key exists.
	Request []byte `json:"request,omitempty"`
}

// Enrollment is one enrolment of this phone.
type Enrollment struct {
	// Server is its address, host:port.
	Server   string `json:"server"`
	DeviceID string `json:"deviceId"`
	Epoch    uint64 `json:"epoch"`
	// Ownership is "personal" or "company".
	Ownership string `json:"ownership"`
	// Mode is "work-profile", "fully-managed" or "dedicated".
	Mode string `json:"mode"`
	// TrustBundle are the roots for the server and for orders, DER.
	TrustBundle [][]byte   `json:"trustBundle"`
	Current     Credential `json:"current"`
	// Next is the renewed credential until it has been used once. Its chain is
	// empty until it is issued.
	Next *Credential `json:"next,omitempty"`
	// Spent names a key that was replaced and waits to be destroyed.
	Spent      string    `json:"spent,omitempty"`
	EnrolledAt time.Time `json:"enrolledAt"`
	// Ended says when and why it ended; nil while it lasts.
	Ended *Ended `json:"ended,omitempty"`
}

// Credential is a device certificate and the name of its key.
type Credential struct {
	Key string `json:"key"`
	// Chain is DER, leaf first, without the root.
	Chain      [][]byte  `json:"chain,omitempty"`
	RenewAfter time.Time `json:"renewAfter,omitzero"`
}

// Ended is the end of an enrolment.
type Ended struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Former is an enrolment that is gone from the phone.
type Former struct {
	DeviceID string `json:"deviceId"`
	Epoch    uint64 `json:"epoch"`
	Ended
}

// Keys names every private key the state refers to.
func (s State) Keys() []string {
	var keys []string
	if s.Joining != nil {
		keys = append(keys, s.Joining.Key)
	}
	if e := s.Enrollment; e != nil {
		keys = append(keys, e.Current.Key)
		if e.Next != nil {
			keys = append(keys, e.Next.Key)
		}
		if e.Spent != "" {
			keys = append(keys, e.Spent)
		}
	}
	return keys
}

// active gives the enrolment if it lasts.
func (s State) active() (Enrollment, error) {
	if s.Enrollment == nil || s.Enrollment.Ended != nil {
		return Enrollment{}, ErrNotEnrolled
	}
	return *s.Enrollment, nil
}

// Status is what the last check-in brought, for people to see.
type Status struct {
	CheckedInAt time.Time `json:"checkedInAt,omitzero"`
	NextCheckIn time.Time `json:"nextCheckIn,omitzero"`
	// Verdict is mdm.compliance.v1.Verdict as JSON.
	Verdict json.RawMessage `json:"verdict,omitempty"`
	// Problem is why the last look was not whole; empty when it was.
	Problem   string    `json:"problem,omitempty"`
	ProblemAt time.Time `json:"problemAt,omitzero"`
}
