package appprotectdb

import (
	"context"
	"math"

	"ringfence/internal/appprotect"
	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
)

// Generation implements [appprotect.Policies].
func (s *Store) Generation(ctx context.Context) (uint64, error) {
	var generation uint64
	err := s.row(ctx, "SELECT generation FROM appprotect_generation", nil, []any{&generation})
	return generation, err
}

// Current implements [appprotect.Policies]. The generation is read first: if
// something changes in between it is too old, and all is read once more than
// needed.
func (s *Store) Current(ctx context.Context) (policies []appprotect.Policy, apps []appprotect.KnownApp, generation uint64, err error) {
	if generation, err = s.Generation(ctx); err != nil {
		return nil, nil, 0, err
	}
	if policies, err = s.policies(ctx, "ORDER BY p.name"); err != nil {
		return nil, nil, 0, err
	}
	apps, err = s.apps(ctx, "ORDER BY package")
	return policies, apps, generation, err
}

// policyRow is one revision.
type policyRow struct {
	name, spec, revisedBy string
	revision              uint64
	createdAt, revisedAt  int64
}

const policyColumns = "r.name, r.revision, r.spec, r.created_at, r.revised_at, r.revised_by"

func (r *policyRow) scan() []any {
	return []any{&r.name, &r.revision, &r.spec, &r.createdAt, &r.revisedAt, &r.revisedBy}
}

func (r *policyRow) policy() (appprotect.Policy, error) {
	spec, err := decodeSpec(r.spec)
	if err != nil {
		return appprotect.Policy{}, damaged(err, "policy %q, revision %d,", r.name, r.revision)
	}
	return appprotect.Policy{
		Name: r.name, Revision: r.revision, Spec: spec,
		CreatedAt: sqldb.FromMicros(r.createdAt), RevisedAt: sqldb.FromMicros(r.revisedAt), RevisedBy: r.revisedBy,
	}, nil
}

// liveSQL is every policy in force, at its latest revision.
const liveSQL = "SELECT " + policyColumns + ` FROM appprotect_policies AS p
JOIN appprotect_policy_revisions AS r ON r.name = p.name AND r.revision = p.revision WHERE p.live = 1 `

// policies reads those in force; rest goes on with the statement.
func (s *Store) policies(ctx context.Context, rest string, args ...any) ([]appprotect.Policy, error) {
	var (
		all []appprotect.Policy
		r   policyRow
	)
	err := s.each(ctx, liveSQL+rest, args, r.scan(), func() error {
		p, err := r.policy()
		all = append(all, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// policySQL is a revision, with the word whether its policy is deleted.
const policySQL = "SELECT p.live = 0, " + policyColumns + ` FROM appprotect_policy_revisions AS r
JOIN appprotect_policies AS p ON p.name = r.name WHERE r.name = ? AND `

// Policy implements [appprotect.Policies].
func (s *Store) Policy(ctx context.Context, name string, revision uint64) (p appprotect.Policy, deleted bool, err error) {
	text, args := policySQL+"r.revision = p.revision", []any{name}
	if revision != 0 {
		text, args = policySQL+"r.revision = ?", append(args, storable(revision))
	}
	var r policyRow
	if err := s.row(ctx, text, args, append([]any{&deleted}, r.scan()...)); err != nil {
		return appprotect.Policy{}, false, missing(err, appprotect.ErrNoPolicy)
	}
	p, err = r.policy()
	return p, deleted, err
}

// storable is a number as the databases take it. What is greater than any they
// have stays so.
func storable(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// ListPolicies implements [appprotect.Policies].
func (s *Store) ListPolicies(ctx context.Context, after string, limit int) ([]appprotect.Policy, error) {
	return s.policies(ctx, "AND p.name > ? ORDER BY p.name LIMIT ?", after, limit)
}

// SavePolicy implements [appprotect.Policies].
func (s *Store) SavePolicy(ctx context.Context, p appprotect.Policy, e audit.Entry) error {
	spec, err := encodeSpec(p.Spec)
	if err != nil {
		return err
	}
	text := "UPDATE appprotect_policies SET revision = ?, live = 1 WHERE name = ? AND revision = ?"
	args := []any{int64(p.Revision), p.Name, int64(p.Revision) - 1}
	if p.Revision == 1 {
		text = "INSERT INTO appprotect_policies (revision, name, live) VALUES (?, ?, 1) ON CONFLICT (name) DO NOTHING"
		args = args[:2]
	}
	return moved(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := one(tx.Exec(text, args...)); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO appprotect_policy_revisions (name, revision, spec, created_at, revised_at, revised_by)
VALUES (?, ?, ?, ?, ?, ?)`, p.Name, int64(p.Revision), spec, sqldb.Micros(p.CreatedAt), sqldb.Micros(p.RevisedAt), p.RevisedBy)
		if err != nil {
			return err
		}
		return changed(tx, e)
	}))
}

// DeletePolicy implements [appprotect.Policies].
func (s *Store) DeletePolicy(ctx context.Context, name string, revision uint64, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec("UPDATE appprotect_policies SET live = 0 WHERE name = ? AND live = 1 AND revision = ?",
			name, storable(revision))
		if err != nil {
			return err
		}
		if n == 1 {
			return changed(tx, e)
		}
		var live bool
		err = tx.QueryRow("SELECT live = 1 FROM appprotect_policies WHERE name = ?", []any{name}, &live)
		switch {
		case err != nil:
			return missing(err, appprotect.ErrNoPolicy)
		case live:
			return appprotect.ErrMoved
		}
		return nil
	})
}

// changed raises the generation, which makes changes wait for each other, and
// records what was done.
func changed(tx *sqldb.Tx, e audit.Entry) error {
	if _, err := tx.Exec("UPDATE appprotect_generation SET generation = generation + 1"); err != nil {
		return err
	}
	return tx.Record(e)
}
