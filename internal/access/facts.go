package access

import (
	"context"
	"errors"

	"ringfence/internal/device"
)

// learn fills in who signs in, and what is known of the phone and of the app.
func (s *Service) learn(ctx context.Context, q Question, a *Answer) error {
	known, err := s.present(ctx, q.Device, q.Registration)
	if err != nil {
		return err
	}
	a.Facts = known
	a.name()
	a.disown()
	return s.describe(ctx, &a.SignIn.Person)
}

// present gives what is known now under two ids, either of which may be empty.
func (s *Service) present(ctx context.Context, phone, registration device.ID) (Facts, error) {
	var f Facts
	if phone != "" {
		d, err := s.c.Phones.Phone(ctx, phone)
		switch {
		case err == nil:
			f.Device = &d
		case !errors.Is(err, ErrNotKnown):
			return Facts{}, err
		}
	}
	if registration != "" {
		r, err := s.c.Apps.App(ctx, registration)
		switch {
		case err == nil:
			f.Registration = &r
		case !errors.Is(err, ErrNotKnown):
			return Facts{}, err
		}
	}
	return f, nil
}

// name says who signs in where the door does not.
func (a *Answer) name() {
	p := &a.SignIn.Person
	if p.Name == "" && a.Facts.Device != nil {
		p.Name = a.Facts.Device.User
	}
	if p.Name == "" && a.Facts.Registration != nil {
		p.Name = a.Facts.Registration.User
	}
	p.Name, p.Version = folded(p.Name), 0
}

// disown leaves out what is another person's: that a colleague's phone is
// compliant, or a colleague's app fit, says nothing of those in whose hands this
// person's work is. A phone that is enrolled for nobody, such as a kiosk, is
// everybody's.
func (a *Answer) disown() {
	if d := a.Facts.Device; d != nil && d.User != "" && folded(d.User) != a.SignIn.Person.Name {
		a.Facts.Device = nil
	}
	if r := a.Facts.Registration; r != nil && (r.User == "" || folded(r.User) != a.SignIn.Person.Name) {
		a.Facts.Registration = nil
	}
}

// describe asks the directory about a person. Nobody can give a word for an account
// that is out of use.
func (s *Service) describe(ctx context.Context, p *Person) error {
	if p.Name == "" {
		return nil
	}
	known, err := s.c.Directory.Person(ctx, p.Name)
	if err != nil {
		return err
	}
	p.Disabled = p.Disabled || known.Disabled
	if known.Version != 0 {
		p.Groups, p.Version = known.Groups, known.Version
		if known.Roles != nil { // else the door knows better
			p.Roles = known.Roles
		}
	}
	return nil
}
