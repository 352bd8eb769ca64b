package phone

import (
	"errors"
	"time"

	"ringfence/agent/lease"
)

const (
	workLockFile = "worklock.json"
	leaseFile    = "lease.json"
	givenUpFile  = "relinquished.json"

	byOrder = "the company has locked it"
)

// errLeaseLock is a lock that the person cannot open.
var errLeaseLock = errors.New("the lease has locked the work side: it opens when the phone is in contact with its server again")

// WorkLock is how the work side is locked, beside its PIN.
type WorkLock struct {
	// Order is a lock by an order: the person opens it. Nil without one.
	Order *Locked `json:"order,omitempty"`
	// Lease is a lock by the lease: contact opens it. Nil without one.
	Lease *Locked `json:"lease,omitempty"`
}

// Locked says since when, by the phone's clock, and why.
type Locked struct {
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
}

// WorkLock tells how the work side is locked. Safe beside a running agent.
func (p *Phone) WorkLock() (WorkLock, error) {
	var w WorkLock
	err := p.readJSON(agentDir, workLockFile, &w)
	return w, err
}

// LockWork locks the work side until OpenWork.
func (p *Phone) LockWork(why string) error {
	return p.changeWorkLock(func(w *WorkLock) {
		if w.Lease == nil {
			w.Lease = p.locked(why)
		}
	})
}

// OpenWork opens what LockWork locked.
func (p *Phone) OpenWork() error {
	return p.changeWorkLock(func(w *WorkLock) { w.Lease = nil })
}

// lockByOrder locks the work side until the person opens it.
func (p *Phone) lockByOrder() error {
	return p.changeWorkLock(func(w *WorkLock) { w.Order = p.locked(byOrder) })
}

func (p *Phone) locked(why string) *Locked {
	return &Locked{Since: p.now().UTC().Truncate(time.Microsecond), Why: why}
}

// changeWorkLock changes the lock; the person may be at it at the same time.
func (p *Phone) changeWorkLock(change func(*WorkLock)) error {
	unlock, err := p.lockFile(settingsLock, true)
	if err != nil {
		return err
	}
	defer unlock()
	w, err := p.WorkLock()
	if err != nil {
		return err
	}
	before := w
	if change(&w); w == before {
		return nil
	}
	return p.writeJSON(agentDir, workLockFile, w)
}

// openByPerson is the person with the work PIN. It opens a lock by an order, and
// none by the lease. The caller holds the lock of the settings.
func (p *Phone) openByPerson() error {
	w, err := p.WorkLock()
	switch {
	case err != nil:
		return err
	case w.Lease != nil:
		return errLeaseLock
	case w.Order == nil:
		return nil
	}
	return p.writeJSON(agentDir, workLockFile, WorkLock{})
}

// LoadLease gives what SaveLease kept. Safe beside a running agent.
func (p *Phone) LoadLease() (lease.Record, error) {
	var r lease.Record
	err := p.readJSON(agentDir, leaseFile, &r)
	return r, err
}

// SaveLease keeps the lease.
func (p *Phone) SaveLease(r lease.Record) error { return p.writeJSON(agentDir, leaseFile, r) }

// Uptime tells for how long the phone is on.
func (p *Phone) Uptime() (boot string, up time.Duration, err error) {
	if p.uptime == nil {
		return "", 0, nil
	}
	boot, up = p.uptime()
	return boot, up, nil
}

// GivenUp says which enrolment's company has given the phone up: nothing of what
// it restricted holds any more.
type GivenUp struct {
	At       time.Time `json:"at"`
	DeviceID string    `json:"deviceId"`
	Epoch    uint64    `json:"epoch"`
}

// GivenUp tells whether the company has given the phone up; nil if it has not.
// Safe beside a running agent.
func (p *Phone) GivenUp() (*GivenUp, error) {
	var g GivenUp
	if err := p.readJSON(agentDir, givenUpFile, &g); err != nil || g.DeviceID == "" {
		return nil, err
	}
	return &g, nil
}

// liftRestrictions takes off what the company restricts on its phone.
func (p *Phone) liftRestrictions() error {
	s, err := p.LoadState()
	if err != nil {
		return err
	}
	if s.Enrollment == nil || s.Enrollment.Company() == nil {
		return errors.New("this phone is not the company's: there is nothing to lift")
	}
	return p.writeJSON(agentDir, givenUpFile, GivenUp{
		At: p.now().UTC().Truncate(time.Microsecond), DeviceID: s.Enrollment.DeviceID, Epoch: s.Enrollment.Epoch,
	})
}

// forgetEnrollment takes away what belongs to one enrolment alone.
func (p *Phone) forgetEnrollment() error {
	return errors.Join(p.remove(agentDir, leaseFile), p.remove(agentDir, workLockFile))
}
