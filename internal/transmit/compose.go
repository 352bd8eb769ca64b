package transmit

import (
	"context"
	"slices"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// meant is an entry with what it means.
type meant struct {
	entry       *audit.Entry
	signal      signal
	certificate Certificate
}

// compose works out what entries mean to every stream.
func (f *Fanout) compose(ctx context.Context, entries []audit.Entry, t *Telling) error {
	all, err := f.read(ctx, entries)
	if err != nil || len(all) == 0 {
		return err
	}
	told, err := f.store.Told(ctx, devices(all))
	if err != nil {
		return err
	}
	streams, err := f.streams(ctx)
	if err != nil {
		return err
	}
	c := composer{
		f: f, t: t, streams: streams, told: told, users: map[device.ID]string{},
	}
	t.Told = make(map[device.ID]Told)
	for i := range all {
		if err := c.take(ctx, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

// read translates entries, and finds whose certificates they are about.
func (f *Fanout) read(ctx context.Context, entries []audit.Entry) ([]meant, error) {
	var all []meant
	for i := range entries {
		s, ok := translate(&entries[i])
		if !ok {
			continue
		}
		m := meant{entry: &entries[i], signal: s}
		if s.change != "" && s.serial != "" {
			c, of, known, err := f.c.Certificates.Certificate(ctx, s.serial)
			if err != nil {
				return nil, err
			}
			if known {
				m.certificate = c
				if m.signal.device == "" {
					m.signal.device = of
				}
			}
		}
		if m.signal.device != "" {
			all = append(all, m)
		}
	}
	return all, nil
}

func devices(all []meant) []device.ID {
	ids := make([]device.ID, len(all))
	for i := range all {
		ids[i] = all[i].signal.device
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// streams gives those that are told something, and brings their rules up to
// date.
func (f *Fanout) streams(ctx context.Context) ([]Stream, error) {
	all, err := f.store.Streams(ctx, "")
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s Stream) bool { return s.Status == Disabled })
	kept := make(map[string]versioned, len(all))
	for i := range all {
		st := &all[i]
		v, ok := f.rulings[st.ID]
		if !ok || v.version != st.Version {
			rules, err := f.store.Rules(ctx, st.ID)
			if err != nil {
				return nil, err
			}
			v = versioned{st.Version, rulingOf(rules)}
		}
		kept[st.ID] = v
	}
	f.rulings = kept
	return all, nil
}

// composer makes one Telling.
type composer struct {
	f       *Fanout
	t       *Telling
	streams []Stream
	told    map[device.ID]Told
	users   map[device.ID]string
}

// take adds what one entry means.
func (c *composer) take(ctx context.Context, m *meant) error {
	id := m.signal.device
	if m.signal.forget {
		delete(c.t.Told, id)
		c.told[id] = Told{}
		c.t.Forget = append(c.t.Forget, id)
		return nil
	}
	subject := Subject{Device: id, Tenant: c.f.c.Service.c.Installation}
	before := c.told[id]
	events, now := m.signal.events(before, subject, m.certificate)
	if m.signal.enrolled {
		user, err := c.user(ctx, id)
		if err != nil {
			return err
		}
		now.User = user
	}
	if now != before {
		c.told[id], c.t.Told[id] = now, now
	}
	if len(events) == 0 || len(c.streams) == 0 {
		return nil
	}
	for i := range events {
		e := &events[i]
		var err error
		if e.Subject.User, err = c.whose(ctx, m, e.Type, &before); err != nil {
			return err
		}
		m.signal.finish(e, m.entry)
		c.give(e, m.entry)
	}
	return nil
}

// whose gives the user an event is about. What an enrolment ends was of whoever
// had the phone before; where that was not told, the event names none, and so
// means everybody's sessions.
func (c *composer) whose(ctx context.Context, m *meant, t EventType, before *Told) (string, error) {
	if m.signal.enrolled && t != CredentialChange || !m.signal.enrolled && before.User != "" {
		return before.User, nil
	}
	return c.user(ctx, m.signal.device)
}

// user gives whose a device is; empty where that is not known.
func (c *composer) user(ctx context.Context, id device.ID) (string, error) {
	if user, ok := c.users[id]; ok {
		return user, nil
	}
	user, known, err := c.f.c.Subjects.Subject(ctx, id)
	if err != nil {
		return "", err
	}
	if !known {
		user = ""
	}
	c.users[id] = user
	return user, nil
}

// give puts an event into the outbox of each stream that is told of it.
func (c *composer) give(e *Event, from *audit.Entry) {
	service := c.f.c.Service
	for i := range c.streams {
		st := &c.streams[i]
		if !st.Tells(e.Type) || c.f.rulings[st.ID].rules.out(e.Subject) {
			continue
		}
		c.t.Items = append(c.t.Items, e.item(st.ID, jti(service.c.Installation, st.ID, e, from.Time), service.now()))
	}
}
