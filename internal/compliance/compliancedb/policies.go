package compliancedb

import (
	"context"
	"math"

	"gorm.io/gorm"

	"ringfence/internal/audit"
	"ringfence/internal/compliance"
	"ringfence/internal/sqldb"
)

// policyRow is one revision, with what its policy's own row says.
type policyRow struct {
	Name      string
	Revision  uint64
	Spec      string
	CreatedAt int64
	RevisedAt int64
	RevisedBy string
	Live      bool
}

func (r policyRow) policy() (compliance.Policy, error) {
	spec, err := decodeSpec(r.Spec)
	if err != nil {
		return compliance.Policy{}, sqldb.Fault(err)
	}
	return compliance.Policy{
		Name: r.Name, Revision: r.Revision, Spec: spec,
		CreatedAt: sqldb.FromMicros(r.CreatedAt), RevisedAt: sqldb.FromMicros(r.RevisedAt), RevisedBy: r.RevisedBy,
	}, nil
}

// revisions is every revision joined with its policy's own row.
func (s *Store) revisions(ctx context.Context) *gorm.DB {
	return s.db.Read(ctx).Table("compliance_policy_revisions AS r").
		Joins("JOIN compliance_policies AS p ON p.name = r.name").
		Select("r.name, r.revision, r.spec, r.created_at, r.revised_at, r.revised_by, p.live = 1 AS live")
}

// Marks gives the marks.
func (s *Store) Marks(ctx context.Context) (compliance.Marks, error) {
	var m compliance.Marks
	err := s.row(ctx, "SELECT generation, recalls FROM compliance_generation", nil, []any{&m.Generation, &m.Recalls})
	return m, err
}

// Live gives every live policy at its latest revision, by name. The generation
// is read first: if the policies change in between it is too old, and they are
// read once more than needed.
func (s *Store) Live(ctx context.Context) ([]compliance.Policy, uint64, error) {
	marks, err := s.Marks(ctx)
	if err != nil {
		return nil, 0, err
	}
	policies, err := found(s.live(ctx))
	return policies, marks.Generation, err
}

func (s *Store) live(ctx context.Context) *gorm.DB {
	return s.revisions(ctx).Where("p.live = 1 AND r.revision = p.revision").Order("p.name")
}

// LivePage gives up to limit live policies by name, starting after a name.
func (s *Store) LivePage(ctx context.Context, after string, limit int) ([]compliance.Policy, error) {
	return found(s.live(ctx).Where("p.name > ?", after).Limit(limit))
}

func found(q *gorm.DB) ([]compliance.Policy, error) {
	var rows []policyRow
	if err := q.Scan(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	policies := make([]compliance.Policy, 0, len(rows))
	for _, r := range rows {
		p, err := r.policy()
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	return policies, nil
}

// Policy gives one revision, or with revision 0 the latest.
func (s *Store) Policy(ctx context.Context, name string, revision uint64) (p compliance.Policy, deleted bool, err error) {
	q := s.revisions(ctx).Where("r.name = ?", name)
	if revision == 0 {
		q = q.Where("r.revision = p.revision")
	} else {
		q = q.Where("r.revision = ?", int64(min(revision, math.MaxInt64))) // the drivers take no more
	}
	var r policyRow
	if err := q.Take(&r).Error; err != nil {
		return compliance.Policy{}, false, sqldb.Fault(err)
	}
	p, err = r.policy()
	return p, !r.Live, err
}

// Add stores p as the revision that follows the latest.
func (s *Store) Add(ctx context.Context, p compliance.Policy, e audit.Entry) error {
	spec, err := encodeSpec(p.Spec)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := advance(tx, p.Name, p.Revision); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO compliance_policy_revisions (name, revision, spec, created_at, revised_at, revised_by)
VALUES (?, ?, ?, ?, ?, ?)`, p.Name, int64(p.Revision), spec, sqldb.Micros(p.CreatedAt), sqldb.Micros(p.RevisedAt), p.RevisedBy)
		if err != nil {
			return err
		}
		return changed(tx, e)
	})
}

// advance makes a revision the latest if it follows the one that is.
func advance(tx *sqldb.Tx, name string, revision uint64) error {
	text := "UPDATE compliance_policies SET revision = ?, live = 1 WHERE name = ? AND revision = ?"
	args := []any{int64(revision), name, int64(revision) - 1}
	if revision == 1 {
		text = "INSERT INTO compliance_policies (revision, name, live) VALUES (?, ?, 1) ON CONFLICT (name) DO NOTHING"
		args = args[:2]
	}
	return moved(tx.Exec(text, args...))
}

// Delete takes a live policy away if its latest revision is the given one.
func (s *Store) Delete(ctx context.Context, name string, revision uint64, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		err := moved(tx.Exec("UPDATE compliance_policies SET live = 0 WHERE name = ? AND revision = ? AND live = 1",
			name, int64(revision)))
		if err != nil {
			return err
		}
		return changed(tx, e)
	})
}

// changed raises the generation, which makes policy changes wait for each
// other, and records what was done.
func changed(tx *sqldb.Tx, e audit.Entry) error {
	if _, err := tx.Exec("UPDATE compliance_generation SET generation = generation + 1"); err != nil {
		return err
	}
	return tx.Record(e)
}

// moved is ErrRevisionMoved where a statement with a condition changed nothing.
func moved(n int64, err error) error {
	if err == nil && n == 0 {
		return compliance.ErrRevisionMoved
	}
	return err
}
