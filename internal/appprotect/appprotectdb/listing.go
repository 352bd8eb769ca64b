package appprotectdb

import (
	"context"
	"slices"
	"strings"

	"ringfence/internal/appprotect"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

const standingsSQL = "SELECT " + registrationColumns + ", " + stateColumns + " FROM " + registrationTables + `
LEFT JOIN appprotect_states AS s ON s.registration_id = r.id
WHERE e.epoch = r.epoch `

// Standing implements [appprotect.Registrations].
func (s *Store) Standing(ctx context.Context, id device.ID) (appprotect.Standing, error) {
	var (
		r  registrationRow
		st stateRow
	)
	if err := s.row(ctx, standingsSQL+"AND r.id = ?", []any{string(id)}, append(r.scan(), st.scan()...)); err != nil {
		return appprotect.Standing{}, missing(err, appprotect.ErrNoRegistration)
	}
	registration, err := r.registration()
	if err != nil {
		return appprotect.Standing{}, err
	}
	state, err := st.state(id)
	return appprotect.Standing{Registration: registration, State: state}, err
}

// List implements [appprotect.Registrations].
func (s *Store) List(ctx context.Context, q appprotect.Query) ([]appprotect.Standing, error) {
	conditions, args := filters(q)
	return s.standings(ctx, nil, conditions+"ORDER BY r.created_at, r.id LIMIT ?", append(args, q.Limit)...)
}

// Standings implements [appprotect.Registrations].
func (s *Store) Standings(ctx context.Context, ids []device.ID) ([]appprotect.Standing, error) {
	var all []appprotect.Standing
	for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), chunk) {
		names := list(some, func(id device.ID) string { return string(id) })
		var err error
		if all, err = s.standings(ctx, all, "AND r.id IN ? ORDER BY r.id", names); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// standings adds registrations with their states to a list; rest, of texts that
// are the program's own, goes on with the statement.
func (s *Store) standings(ctx context.Context, all []appprotect.Standing, rest string, args ...any) ([]appprotect.Standing, error) {
	var (
		r  registrationRow
		st stateRow
	)
	err := s.each(ctx, standingsSQL+rest, args, append(r.scan(), st.scan()...), func() error {
		registration, err := r.registration()
		if err != nil {
			return err
		}
		state, err := st.state(registration.ID)
		all = append(all, appprotect.Standing{Registration: registration, State: state})
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// filters gives the conditions of a listing. The texts are the program's own.
func filters(q appprotect.Query) (string, []any) {
	var (
		b    strings.Builder
		args []any
	)
	where := func(asked bool, condition string, values ...any) {
		if asked {
			b.WriteString("AND " + condition + " ")
			args = append(args, values...)
		}
	}
	where(q.User != "", namedSQL, q.User)
	where(q.Tag != "", "r.tag = ?", q.Tag)
	where(q.Package != "", "r.package = ?", q.Package)
	where(q.Lasts != nil && *q.Lasts, "e.ended_at IS NULL")
	where(q.Lasts != nil && !*q.Lasts, "e.ended_at IS NOT NULL")
	where(q.Standing != 0, "s.standing = ?", int64(q.Standing))
	where(q.After != "", "(r.created_at, r.id) > (?, ?)", sqldb.Micros(q.AfterAt), string(q.After))
	return b.String(), args
}
