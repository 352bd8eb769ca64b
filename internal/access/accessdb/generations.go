package accessdb

import (
	"context"
	"math"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/sqldb"
)

const (
	generationSQL     = "SELECT COALESCE(MAX(generation), 0) FROM access_changes"
	generationAsOfSQL = generationSQL + " WHERE changed_at <= ?"
)

// inForceSQL is the condition for what was in force at a generation.
const inForceSQL = "since_generation <= ? AND (until_generation IS NULL OR until_generation > ?) ORDER BY name"

// Generation implements [access.Policies].
func (s *Store) Generation(ctx context.Context) (uint64, error) {
	var generation uint64
	err := s.db.QueryRow(ctx, generationSQL, nil, &generation)
	return generation, err
}

// Current implements [access.Policies].
func (s *Store) Current(ctx context.Context) (access.Stored, error) {
	generation, err := s.Generation(ctx)
	if err != nil {
		return access.Stored{}, err
	}
	return s.at(ctx, generation)
}

// AsOf implements [access.Policies].
func (s *Store) AsOf(ctx context.Context, at time.Time) (access.Stored, error) {
	var generation uint64
	if err := s.db.QueryRow(ctx, generationAsOfSQL, []any{sqldb.Micros(at)}, &generation); err != nil {
		return access.Stored{}, err
	}
	return s.at(ctx, generation)
}

// at gives all that was in force at a generation: nothing of it ever changes.
func (s *Store) at(ctx context.Context, generation uint64) (access.Stored, error) {
	stored := access.Stored{Generation: generation}
	g := storable(generation)
	var err error
	if stored.Policies, err = s.policies(ctx, policySQL+inForceSQL, g, g); err != nil {
		return access.Stored{}, err
	}
	if stored.Locations, err = s.locations(ctx, locationSQL+inForceSQL, g, g); err != nil {
		return access.Stored{}, err
	}
	return stored, nil
}

// storable is a number as the databases take it. What is greater than any they
// have stays so.
func storable(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
