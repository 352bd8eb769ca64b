package accessdb

import (
	"context"

	"ringfence/internal/access"
	"ringfence/internal/sqldb"
)

// locationRow is one version.
type locationRow struct {
	name, content, changedBy string
	version                  uint64
	createdAt, changedAt     int64
}

const locationColumns = "name, version, content, created_at, changed_at, changed_by"

// locationSQL is every version; a condition follows.
const locationSQL = "SELECT " + locationColumns + " FROM access_locations WHERE "

func (r *locationRow) scan() []any {
	return []any{&r.name, &r.version, &r.content, &r.createdAt, &r.changedAt, &r.changedBy}
}

func (r *locationRow) location() (access.StoredLocation, error) {
	l, err := decodeLocation(r.content)
	if err != nil {
		return access.StoredLocation{}, damaged(err, "location %q, version %d,", r.name, r.version)
	}
	l.Name = r.name
	return access.StoredLocation{
		Location: l, Version: r.version,
		CreatedAt: sqldb.FromMicros(r.createdAt), ChangedAt: sqldb.FromMicros(r.changedAt), ChangedBy: r.changedBy,
	}, nil
}

func (s *Store) locations(ctx context.Context, text string, args ...any) ([]access.StoredLocation, error) {
	var (
		all []access.StoredLocation
		r   locationRow
	)
	err := s.db.QueryRows(ctx, text, args, r.scan(), func() error {
		l, err := r.location()
		all = append(all, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

const latestLocationSQL = "SELECT until_generation IS NOT NULL, " + locationColumns +
	" FROM access_locations WHERE name = ? ORDER BY version DESC LIMIT 1"

// Location implements [access.Policies].
func (s *Store) Location(ctx context.Context, name string) (l access.StoredLocation, deleted bool, err error) {
	var r locationRow
	if err := s.db.QueryRow(ctx, latestLocationSQL, []any{name}, append([]any{&deleted}, r.scan()...)...); err != nil {
		return access.StoredLocation{}, false, missing(err, access.ErrNoLocation)
	}
	l, err = r.location()
	return l, deleted, err
}

// ListLocations implements [access.Policies].
func (s *Store) ListLocations(ctx context.Context, after string, limit int) ([]access.StoredLocation, error) {
	return s.locations(ctx, locationSQL+"until_generation IS NULL AND name > ? ORDER BY name LIMIT ?", after, limit)
}

const (
	endLocationSQL = "UPDATE access_locations SET until_generation = ? WHERE name = ? AND until_generation IS NULL"
	putLocationSQL = `INSERT INTO access_locations (name, version, content, created_at, changed_at, changed_by, since_generation)
VALUES (?, ?, ?, ?, ?, ?, ?)`
)

// SaveLocation implements [access.Policies].
func (s *Store) SaveLocation(ctx context.Context, l access.StoredLocation, st access.Step) error {
	content, err := encodeLocation(l.Location)
	if err != nil {
		return err
	}
	return moved(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		generation, err := step(tx, st)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(endLocationSQL, generation, l.Name); err != nil {
			return err
		}
		_, err = tx.Exec(putLocationSQL, l.Name, storable(l.Version), content,
			sqldb.Micros(l.CreatedAt), sqldb.Micros(l.ChangedAt), l.ChangedBy, generation)
		return err
	}))
}

// DeleteLocation implements [access.Policies].
func (s *Store) DeleteLocation(ctx context.Context, name string, st access.Step) error {
	return moved(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		generation, err := step(tx, st)
		if err != nil {
			return err
		}
		n, err := tx.Exec(endLocationSQL, generation, name)
		if err == nil && n == 0 {
			return access.ErrNoLocation
		}
		return err
	}))
}
