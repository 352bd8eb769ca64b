package appsdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ringfence/agent/appsdk/container"
	"ringfence/agent/appsdk/vault"
	"ringfence/agent/wipe"
)

// destroy destroys the account's data for a cause: first it is written down, then
// the account's key goes, which makes everything unreadable, then the files and
// the PIN. Called again it goes on where it was. The caller holds mu.
//
// Where it cannot be written down the key goes all the same: a disk that is full
// keeps no data.
func (s *SDK) destroy(cause string) error {
	if s.st.Gone != nil && s.st.Gone.Done {
		return nil
	}
	var failed error
	if s.st.Gone == nil {
		failed = s.change(func(st *state) error {
			st.Gone = s.goes(st, cause)
			return nil
		})
	}
	s.progress("before key")
	if err := errors.Join(failed, s.erase()); err != nil {
		return fmt.Errorf("destroy the account's data: %w", err)
	}
	s.progress("after files")
	return s.change(func(st *state) error {
		st.Gone.Done, st.Gone.At = true, s.wallNow().Truncate(time.Microsecond)
		st.shut()
		return nil
	})
}

// goes begins the end of the account's data.
func (s *SDK) goes(st *state, cause string) *gone {
	g := &gone{Cause: cause, At: s.wallNow().Truncate(time.Microsecond)}
	if st.Lease != nil {
		g.LeaseNumber, g.Revision = st.Lease.Number, st.Lease.Revision
	}
	if t, err := s.measure(); err == nil {
		g.Tally = t
	}
	return g
}

// erase destroys the account's keys, then its files.
func (s *SDK) erase() error {
	s.round, s.cached = round{}, nil
	// The container's key goes first also where the container cannot be closed.
	open := s.files
	s.files = nil
	var err error
	if open != nil {
		err = open.Wipe()
		if errors.Is(err, container.ErrClosed) || errors.Is(err, container.ErrWiped) {
			err = nil
		}
		if err != nil { // as it was: whoever has it open is to read no more
			err = errors.Join(err, closed(open))
		}
	}
	s.progress("within files")
	return errors.Join(err, s.o.Keys.Destroy(s.o.pinKey()), container.Wipe(s.filesOptions()))
}

// measure counts the files of the account's container, with the keys that go.
func (s *SDK) measure() (t wipe.Tally, err error) {
	for _, key := range []string{s.o.filesKey(), s.o.pinKey()} {
		counter, err := s.o.Keys.Counter(key)
		if err != nil {
			return t, fmt.Errorf("the key store: %w", err)
		}
		if counter >= 0 {
			t.Keys++
		}
	}
	dir := s.filesOptions().Dir
	for _, folder := range []string{dir, filepath.Join(dir, "contents")} {
		entries, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return t, err
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			t.Files++
			t.Bytes += uint64(max(info.Size(), 0))
		}
	}
	if t.Files > 0 || t.Keys > 0 {
		t.Packages = []string{s.o.Package}
	}
	return t, nil
}

// forget forgets the registration: the keys of its certificates go. What it had
// opened went before, unless the server ended it. The caller holds mu.
func (s *SDK) forget(cause string) error {
	r := s.st.Registration
	if r == nil {
		return nil
	}
	at := s.wallNow().Truncate(time.Microsecond)
	err := s.change(func(st *state) error {
		next := state{Tag: st.Tag, Spent: slices.Concat(st.Spent, r.identityKeys())}
		next.Former = &former{ID: r.ID, Epoch: r.Epoch, Cause: cause, At: at}
		*st = next
		return nil
	})
	if err != nil {
		return err
	}
	return s.destroySpent()
}

// destroySpent destroys keys that are of no use any more.
func (s *SDK) destroySpent() error {
	if len(s.st.Spent) == 0 {
		return nil
	}
	for _, key := range s.st.Spent {
		s.progress("before spent")
		if err := s.o.Keys.DeleteKey(key); err != nil {
			return fmt.Errorf("the key store: %w", err)
		}
	}
	return s.change(func(st *state) error {
		st.Spent = nil
		return nil
	})
}

// reset destroys all that the account has, also where its state cannot be read,
// and begins anew. The caller holds mu.
func (s *SDK) reset() error {
	if s.vault != nil {
		return errShut // there is nothing to begin anew
	}
	if err := s.erase(); err != nil {
		return fmt.Errorf("destroy the account's data: %w", err)
	}
	if err := vault.Destroy(s.vaultOptions()); err != nil {
		return err
	}
	v, raw, err := vault.Open(s.vaultOptions())
	if err != nil {
		return err
	}
	s.vault, s.raw, s.st = v, raw, state{}
	return s.change(func(st *state) error {
		if st.Tag = s.o.DeviceTag; st.Tag == "" {
			st.Tag = randomHex(16)
		}
		return nil
	})
}

func makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the account's folder: %w", err)
	}
	return nil
}
