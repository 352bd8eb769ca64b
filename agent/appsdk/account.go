package appsdk

import (
	"crypto"
	"errors"

	"ringfence/agent/trust"
	"ringfence/agent/wipe"
)

// account is the work account as package wipe needs it: a device that can take
// one thing away, its own data, and can name nothing else.
type account struct{ s *SDK }

var _ wipe.Device = account{}

var errNotOurs = errors.New("an app takes its own work account and nothing else")

// Enrollment gives the registration.
func (a account) Enrollment() (wipe.Enrollment, error) {
	r, err := a.s.registration()
	if err != nil {
		return wipe.Enrollment{}, wipe.ErrNotEnrolled
	}
	roots, err := trust.ParseRoots(r.Bundle)
	return wipe.Enrollment{DeviceID: r.ID, Epoch: r.Epoch, Roots: roots}, err
}

// Busy: an app's data can always go.
func (a account) Busy() (string, error) { return "", nil }

// LoadJournal gives the journal.
func (a account) LoadJournal() (wipe.Journal, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if a.s.vault == nil {
		return wipe.Journal{}, errShut
	}
	st, err := decode(a.s.raw) // a copy
	return st.Journal, err
}

// SaveJournal replaces it, durably.
func (a account) SaveJournal(j wipe.Journal) error {
	return a.s.locked(func(st *state) error {
		st.Journal = j
		return nil
	})
}

// Steps: the data of exactly this app.
func (a account) Steps(scope wipe.Scope) ([]string, error) {
	if scope.Kind != wipe.AppData || len(scope.Packages) != 1 || scope.Packages[0] != a.s.o.Package {
		return nil, errNotOurs
	}
	return []string{step}, nil
}

// Measure counts what would go.
func (a account) Measure(name string) (wipe.Tally, error) {
	if name != step {
		return wipe.Tally{}, errNotOurs
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	return a.s.measure()
}

// Remove takes the account's data away.
func (a account) Remove(name string, progress func()) error {
	if name != step {
		return errNotOurs
	}
	progress()
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	return a.s.destroy(ordered)
}

// ReceiptKey: orders for app data have none.
func (a account) ReceiptKey(string) (crypto.Signer, error) { return nil, errNotOurs }

// DropReceiptKeys has none to drop.
func (a account) DropReceiptKeys() error { return nil }

// DestroyIdentity: no order of an app's takes the identity with it.
func (a account) DestroyIdentity(string) error { return errNotOurs }
