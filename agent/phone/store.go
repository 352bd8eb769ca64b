package phone

import (
	"crypto"
	"errors"
	"strings"
	"time"

	"ringfence/agent/session"
	"ringfence/agent/trust"
	"ringfence/agent/wipe"
	"ringfence/internal/device"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	stateFile   = "state.json"
	statusFile  = "status.json"
	journalFile = "wipes.json"
)

// LoadState gives what SaveState kept. Safe beside a running agent.
func (p *Phone) LoadState() (session.State, error) {
	var s session.State
	err := p.readJSON(agentDir, stateFile, &s)
	return s, err
}

// SaveState keeps the agent's state. The work profile comes into being with an
// enrolment that has one.
func (p *Phone) SaveState(s session.State) error {
	before, err := p.LoadState()
	if err != nil {
		return err
	}
	if e := s.Enrollment; e != nil && !sameEnrollment(before.Enrollment, e) {
		if err := errors.Join(p.forgetEnrollment(), p.remove(agentDir, givenUpFile)); err != nil {
			return err
		}
		if hasProfile(e) {
			if err := makePlain(p.root, profileDir); err != nil {
				return err
			}
		}
	}
	return p.writeJSON(agentDir, stateFile, s)
}

func sameEnrollment(x, y *session.Enrollment) bool {
	return x != nil && x.DeviceID == y.DeviceID && x.Epoch == y.Epoch
}

func hasProfile(e *session.Enrollment) bool { return device.Mode(e.Mode).HasWorkProfile() }

// LoadStatus gives what SaveStatus kept. Safe beside a running agent.
func (p *Phone) LoadStatus() (session.Status, error) {
	var s session.Status
	err := p.readJSON(agentDir, statusFile, &s)
	return s, err
}

// SaveStatus keeps what the last check-in brought.
func (p *Phone) SaveStatus(s session.Status) error { return p.writeJSON(agentDir, statusFile, s) }

// LoadJournal gives the journal of wipes. Safe beside a running agent.
func (p *Phone) LoadJournal() (wipe.Journal, error) {
	var j wipe.Journal
	err := p.readJSON(agentDir, journalFile, &j)
	return j, err
}

// SaveJournal replaces the journal of wipes.
func (p *Phone) SaveJournal(j wipe.Journal) error { return p.writeJSON(agentDir, journalFile, j) }

// Enrollment gives what orders are checked against.
func (p *Phone) Enrollment() (wipe.Enrollment, error) {
	s, err := p.LoadState()
	if err != nil {
		return wipe.Enrollment{}, err
	}
	e := s.Enrollment
	if e == nil || e.Ended != nil {
		return wipe.Enrollment{}, wipe.ErrNotEnrolled
	}
	roots, err := trust.ParseRoots(e.TrustBundle)
	if err != nil {
		return wipe.Enrollment{}, err
	}
	return wipe.Enrollment{
		DeviceID: e.DeviceID, Epoch: e.Epoch, HasWorkProfile: hasProfile(e), Company: p.companyDevice(e), Roots: roots,
	}, nil
}

// DestroyIdentity ends the enrolment on the phone after an order has taken what
// goes with it. Doing it again changes nothing.
func (p *Phone) DestroyIdentity(why string) error { return p.Forget(why) }

// Forget destroys the keys of the enrolment and then forgets it. The person's
// files, and those of the work profile, stay.
func (p *Phone) Forget(why string) error {
	s, err := p.LoadState()
	if err != nil {
		return err
	}
	names, err := p.keysWith(identityPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if s.Joining != nil && s.Joining.Key == name {
			continue
		}
		if err := p.DeleteKey(name); err != nil {
			return err
		}
	}
	if err := p.forgetEnrollment(); err != nil {
		return err
	}
	if s.Enrollment == nil {
		return nil
	}
	s.Former = &session.Former{
		DeviceID: s.Enrollment.DeviceID, Epoch: s.Enrollment.Epoch,
		Ended: session.Ended{At: p.now().UTC().Truncate(time.Microsecond), Reason: strings.TrimSpace(why)},
	}
	s.Enrollment = nil
	return p.SaveState(s)
}

// receiptPrefix begins the names of one-time keys. They lie in the key store,
// which is no part of the work profile; no step of a removal names them.
const receiptPrefix = "receipt-"

// ReceiptKey gives the one-time key of an order, made now if need be.
func (p *Phone) ReceiptKey(orderID string) (crypto.Signer, error) {
	return p.MakeKey(receiptPrefix+orderID, compliancev1.KeyType_KEY_TYPE_EC_P256)
}

// DropReceiptKeys destroys the one-time keys of all orders.
func (p *Phone) DropReceiptKeys() error {
	names, err := p.keysWith(receiptPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := p.DeleteKey(name); err != nil {
			return err
		}
	}
	return nil
}
