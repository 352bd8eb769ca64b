package appsdk

import (
	"errors"

	"ringfence/agent/appsdk/container"
)

// openFiles opens the account's container; a message key where that cannot be.
func (s *SDK) openFiles() (key string) {
	if s.files != nil {
		return ""
	}
	o := s.filesOptions()
	o.Account, o.Create = s.st.Registration.ID, true
	c, err := container.Open(o)
	switch {
	case err == nil:
		s.files = c
		return ""
	case errors.Is(err, container.ErrLocked):
		return "open_elsewhere"
	case errors.Is(err, container.ErrRolledBack), errors.Is(err, container.ErrDamaged), errors.Is(err, container.ErrWiped):
		s.line("the account's files: " + err.Error())
		return "files_restored"
	default:
		s.line("the account's files: " + err.Error())
		return "files_unreadable"
	}
}

func (s *SDK) shutFiles() {
	if err := s.closeFiles(); err != nil {
		s.line("close the account's files: " + err.Error())
	}
}

// Files gives the account's files while the account is open; ErrShut otherwise.
// They are shut, and their readers with them, as soon as a Decide comes to
// anything but Proceed and Warn, or the server says that the account is to be.
// Where nobody decides they are not given once the lease has run out.
func (s *SDK) Files() (*container.Container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		return nil, ErrShut
	}
	if _, err := s.inForce(); err != nil {
		s.shutFiles()
		return nil, ErrShut
	}
	return s.files, nil
}

func (s *SDK) closeFiles() error {
	if s.files == nil {
		return nil
	}
	c := s.files
	s.files = nil
	return closed(c)
}

func closed(c *container.Container) error {
	if err := c.Close(); err != nil && !errors.Is(err, container.ErrClosed) {
		return err
	}
	return nil
}
