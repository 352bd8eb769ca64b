package appprotectdb

import (
	"context"
	"slices"
	"time"

	"ringfence/internal/appprotect"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// Registration implements [appprotect.Registrations].
func (s *Store) Registration(ctx context.Context, id device.ID) (appprotect.Registration, error) {
	return s.registration(ctx, "AND r.id = ?", string(id))
}

// Find implements [appprotect.Registrations].
func (s *Store) Find(ctx context.Context, issuer, subject, tag, pkg string) (appprotect.Registration, error) {
	return s.registration(ctx, "AND r.issuer = ? AND r.subject = ? AND r.tag = ? AND r.package = ?", issuer, subject, tag, pkg)
}

func (s *Store) registration(ctx context.Context, condition string, args ...any) (appprotect.Registration, error) {
	var r registrationRow
	if err := s.row(ctx, registrationSQL+condition, args, r.scan()); err != nil {
		return appprotect.Registration{}, missing(err, appprotect.ErrNoRegistration)
	}
	return r.registration()
}

const openedSQL = "SELECT " + registrationColumns + ", " + certificateColumns + " FROM " + registrationTables + `
JOIN appprotect_certificates AS c ON c.registration_id = e.registration_id AND c.epoch = e.epoch AND c.opening = 1
WHERE e.request_digest = ?`

// Opened implements [appprotect.Registrations].
func (s *Store) Opened(ctx context.Context, request appprotect.Digest) (appprotect.Registration, appprotect.Certificate, error) {
	var (
		r registrationRow
		c certificateRow
	)
	if err := s.row(ctx, openedSQL, []any{request[:]}, append(r.scan(), c.scan()...)); err != nil {
		return appprotect.Registration{}, appprotect.Certificate{}, missing(err, appprotect.ErrNoRegistration)
	}
	registration, err := r.registration()
	if err != nil {
		return appprotect.Registration{}, appprotect.Certificate{}, err
	}
	certificate, err := c.certificate()
	return registration, certificate, err
}

const bySerialSQL = "SELECT c.epoch, " + registrationColumns + " FROM " + registrationTables + `
JOIN appprotect_certificates AS c ON c.registration_id = r.id
WHERE e.epoch = r.epoch AND c.serial = ?`

// BySerial implements [appprotect.Registrations].
func (s *Store) BySerial(ctx context.Context, serial string) (appprotect.Registration, device.Epoch, error) {
	var (
		epoch uint64
		r     registrationRow
	)
	if err := s.row(ctx, bySerialSQL, []any{serial}, append([]any{&epoch}, r.scan()...)); err != nil {
		return appprotect.Registration{}, 0, missing(err, appprotect.ErrNoCertificate)
	}
	registration, err := r.registration()
	return registration, device.Epoch(epoch), err
}

// Select implements [appprotect.Registrations].
func (s *Store) Select(ctx context.Context, user string, limit int) ([]appprotect.Registration, error) {
	return s.registrations(ctx, "AND e.ended_at IS NULL AND "+namedSQL+" ORDER BY r.id LIMIT ?", user, limit)
}

// namedSQL is a condition: the person has the name, or has had it. There is at
// most one.
const namedSQL = "(r.issuer, r.subject) = (SELECT n.issuer, n.subject FROM appprotect_names AS n WHERE n.name = ?)"

// OfAccount implements [appprotect.Registrations].
func (s *Store) OfAccount(ctx context.Context, issuer, subject string, limit int) ([]appprotect.Registration, error) {
	return s.registrations(ctx, "AND e.ended_at IS NULL AND r.issuer = ? AND r.subject = ? ORDER BY r.id LIMIT ?", issuer, subject, limit)
}

// OpenedSince implements [appprotect.Registrations].
func (s *Store) OpenedSince(ctx context.Context, issuer, subject string, since time.Time) (int, error) {
	var n int
	err := s.row(ctx, `SELECT COUNT(*) FROM appprotect_registrations AS r JOIN appprotect_epochs AS e ON e.registration_id = r.id
WHERE r.issuer = ? AND r.subject = ? AND e.registered_at >= ?`, []any{issuer, subject, sqldb.Micros(since)}, []any{&n})
	return n, err
}

// chunk is how many registrations one query names: a statement takes only so
// many values.
const chunk = 1000

// ByIDs implements [appprotect.Registrations].
func (s *Store) ByIDs(ctx context.Context, ids []device.ID) ([]appprotect.Registration, error) {
	var all []appprotect.Registration
	for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), chunk) {
		names := list(some, func(id device.ID) string { return string(id) })
		var row registrationRow
		if err := s.each(ctx, registrationSQL+"AND r.id IN ? ORDER BY r.id", []any{names}, row.scan(), row.into(&all)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// registrations reads them in their latest epochs; rest, which is a constant, goes
// on with the statement.
func (s *Store) registrations(ctx context.Context, rest string, args ...any) ([]appprotect.Registration, error) {
	var (
		all []appprotect.Registration
		row registrationRow
	)
	if err := s.db.QueryRows(ctx, registrationSQL+rest, args, row.scan(), row.into(&all)); err != nil {
		return nil, err
	}
	return all, nil
}

// into adds what was read to a list.
func (r *registrationRow) into(all *[]appprotect.Registration) func() error {
	return func() error {
		one, err := r.registration()
		*all = append(*all, one)
		return err
	}
}

// Count implements [appprotect.Registrations].
func (s *Store) Count(ctx context.Context) (int, error) {
	var n int
	err := s.row(ctx, "SELECT COUNT(*) FROM appprotect_epochs WHERE ended_at IS NULL", nil, []any{&n})
	return n, err
}
