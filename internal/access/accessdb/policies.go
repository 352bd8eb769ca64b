package accessdb

import (
	"context"

	"ringfence/internal/access"
	"ringfence/internal/sqldb"
)

// policyRow is one revision.
type policyRow struct {
	name, spec, revisedBy string
	revision              uint64
	createdAt, revisedAt  int64
}

const policyColumns = "name, revision, spec, created_at, revised_at, revised_by"

// policySQL is every revision; a condition follows.
const policySQL = "SELECT " + policyColumns + " FROM access_policies WHERE "

func (r *policyRow) scan() []any {
	return []any{&r.name, &r.revision, &r.spec, &r.createdAt, &r.revisedAt, &r.revisedBy}
}

func (r *policyRow) policy() (access.Policy, error) {
	spec, err := decodeSpec(r.spec)
	if err != nil {
		return access.Policy{}, damaged(err, "access policy %q, revision %d,", r.name, r.revision)
	}
	return access.Policy{
		Name: r.name, Revision: r.revision, Spec: spec,
		CreatedAt: sqldb.FromMicros(r.createdAt), RevisedAt: sqldb.FromMicros(r.revisedAt), RevisedBy: r.revisedBy,
	}, nil
}

func (s *Store) policies(ctx context.Context, text string, args ...any) ([]access.Policy, error) {
	var (
		all []access.Policy
		r   policyRow
	)
	err := s.db.QueryRows(ctx, text, args, r.scan(), func() error {
		p, err := r.policy()
		all = append(all, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// onePolicySQL is a revision, with the word whether its policy is deleted.
const (
	onePolicySQL = "SELECT NOT EXISTS (SELECT 1 FROM access_policies AS l WHERE l.name = p.name AND l.until_generation IS NULL), " +
		policyColumns + " FROM access_policies AS p WHERE p.name = ? "
	latestPolicySQL   = onePolicySQL + "ORDER BY p.revision DESC LIMIT 1"
	revisionPolicySQL = onePolicySQL + "AND p.revision = ?"
)

// Policy implements [access.Policies].
func (s *Store) Policy(ctx context.Context, name string, revision uint64) (p access.Policy, deleted bool, err error) {
	text, args := latestPolicySQL, []any{name}
	if revision != 0 {
		text, args = revisionPolicySQL, append(args, storable(revision))
	}
	var r policyRow
	if err := s.db.QueryRow(ctx, text, args, append([]any{&deleted}, r.scan()...)...); err != nil {
		return access.Policy{}, false, missing(err, access.ErrNoPolicy)
	}
	p, err = r.policy()
	return p, deleted, err
}

// ListPolicies implements [access.Policies].
func (s *Store) ListPolicies(ctx context.Context, after string, limit int) ([]access.Policy, error) {
	return s.policies(ctx, policySQL+"until_generation IS NULL AND name > ? ORDER BY name LIMIT ?", after, limit)
}

const (
	endPolicySQL = "UPDATE access_policies SET until_generation = ? WHERE name = ? AND until_generation IS NULL"
	putPolicySQL = `INSERT INTO access_policies (name, revision, spec, created_at, revised_at, revised_by, since_generation)
VALUES (?, ?, ?, ?, ?, ?, ?)`
)

// SavePolicy implements [access.Policies].
func (s *Store) SavePolicy(ctx context.Context, p access.Policy, st access.Step) error {
	spec, err := encodeSpec(p.Spec)
	if err != nil {
		return err
	}
	return moved(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		generation, err := step(tx, st)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(endPolicySQL, generation, p.Name); err != nil {
			return err
		}
		_, err = tx.Exec(putPolicySQL, p.Name, storable(p.Revision), spec,
			sqldb.Micros(p.CreatedAt), sqldb.Micros(p.RevisedAt), p.RevisedBy, generation)
		return err
	}))
}

// DeletePolicy implements [access.Policies].
func (s *Store) DeletePolicy(ctx context.Context, name string, st access.Step) error {
	return moved(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		generation, err := step(tx, st)
		if err != nil {
			return err
		}
		n, err := tx.Exec(endPolicySQL, generation, name)
		if err == nil && n == 0 {
			return access.ErrNoPolicy
		}
		return err
	}))
}
