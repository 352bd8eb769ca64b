package accessdb

import (
	"context"
	"slices"
	"strings"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// SaveMoments implements [access.History].
func (s *Store) SaveMoments(ctx context.Context, moments []access.Moment) error {
	contents := make([]*string, len(moments))
	for i, m := range moments {
		if m.Device == nil && m.Registration == nil {
			continue
		}
		content, err := encodeFacts(access.Facts{Device: m.Device, Registration: m.Registration})
		if err != nil {
			return err
		}
		contents[i] = &content
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for i, m := range moments {
			_, err := tx.Exec(`INSERT INTO access_moments (subject, known_at, content) VALUES (?, ?, ?)
ON CONFLICT (subject, known_at) DO NOTHING`, string(m.ID), sqldb.Micros(m.At), contents[i])
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// encodeFacts leaves out findings where there are too many of them: they explain,
// and decide nothing.
func encodeFacts(f access.Facts) (string, error) {
	content, err := encode(toFactsForm(f), maxFacts)
	if err == nil {
		return content, nil
	}
	form := toFactsForm(f)
	if form.Device != nil {
		form.Device.Compliance.Findings = nil
	}
	if form.Registration != nil {
		form.Registration.Protection.Findings = nil
	}
	return encode(form, maxFacts)
}

// chunk is how many ids one statement names.
const chunk = 250

// Moments implements [access.History].
func (s *Store) Moments(ctx context.Context, ids []device.ID, at time.Time) ([]access.Moment, error) {
	var all []access.Moment
	for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), chunk) {
		var err error
		if all, err = s.moments(ctx, all, some, at); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// momentsSQL looks twice into the primary key for each of n ids.
func momentsSQL(n int) string {
	return `SELECT m.subject, m.known_at, m.content FROM (VALUES (?)` + strings.Repeat(", (?)", n-1) + `) AS asked
JOIN access_moments AS m ON m.subject = asked.column1 AND m.known_at =
(SELECT MAX(l.known_at) FROM access_moments AS l WHERE l.subject = asked.column1 AND l.known_at <= ?)
ORDER BY m.subject`
}

// moments adds what was last kept of some ids to a list.
func (s *Store) moments(ctx context.Context, all []access.Moment, ids []device.ID, at time.Time) ([]access.Moment, error) {
	var (
		subject string
		known   int64
		content *string
		args    []any
	)
	for _, id := range ids {
		args = append(args, string(id))
	}
	args = append(args, sqldb.Micros(at))
	err := s.each(ctx, momentsSQL(len(ids)), args, []any{&subject, &known, &content}, func() error {
		m := access.Moment{ID: device.ID(subject), At: sqldb.FromMicros(known)}
		if content != nil {
			form, err := decode[factsForm](*content, maxFacts)
			if err != nil {
				return damaged(err, "knowledge of %s of %s", subject, m.At.Format(time.RFC3339Nano))
			}
			facts := form.facts()
			m.Device, m.Registration = facts.Device, facts.Registration
		}
		all = append(all, m)
		return nil
	})
	return all, err
}

// each is sqldb's QueryRows for texts that are not always the same.
func (s *Store) each(ctx context.Context, text string, args []any, dest []any, take func() error) (err error) {
	rows, err := s.db.Read(ctx).Raw(text, args...).Rows()
	if err != nil {
		return sqldb.Fault(err)
	}
	defer func() { _ = rows.Close() }() // what it could say, Err has said
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return sqldb.Fault(err)
		}
		if err := take(); err != nil {
			return err
		}
	}
	return sqldb.Fault(rows.Err())
}

// ForgetMoments implements [access.History].
func (s *Store) ForgetMoments(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.forget(ctx, `DELETE FROM access_moments WHERE (subject, known_at) IN
(SELECT subject, known_at FROM access_moments WHERE known_at < ? ORDER BY known_at, subject LIMIT ?)`, before, limit)
}
