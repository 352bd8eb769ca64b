package appprotectdb

import (
	"context"
	"math"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// stateRow is how an epoch goes; of an epoch that is over there is none.
type stateRow struct {
	epoch, version, generation, number *uint64
	report, verdict, intended          *string
	digest                             []byte
	heardAt                            *int64
}

const stateColumns = "s.epoch, s.version, s.generation, s.number, s.report_digest, s.heard_at, s.intended, s.report, s.verdict"

func (r *stateRow) scan() []any {
	return []any{&r.epoch, &r.version, &r.generation, &r.number, &r.digest, &r.heardAt, &r.intended, &r.report, &r.verdict}
}

// state is the zero State with its id where nothing was stored. The schema sees
// to it that a verdict is there if anything is.
func (r *stateRow) state(id device.ID) (appprotect.State, error) {
	if r.version == nil || *r.version == 0 {
		return appprotect.State{ID: id}, nil
	}
	verdict, err := decodeVerdict(*r.verdict)
	if err != nil {
		return appprotect.State{}, damaged(err, "verdict on registration %s", id)
	}
	var report *apprules.Report
	if r.report != nil {
		if report, err = decodeReport(*r.report); err != nil {
			return appprotect.State{}, damaged(err, "report of registration %s", id)
		}
	}
	return appprotect.State{
		ID: id, Epoch: device.Epoch(*r.epoch), Version: *r.version, Generation: *r.generation,
		Number: *r.number, ReportDigest: digest(r.digest), Report: report, HeardAt: sqldb.FromNullMicros(r.heardAt),
		Verdict: verdict, Intended: *r.intended,
	}, nil
}

// State implements [appprotect.States].
func (s *Store) State(ctx context.Context, id device.ID) (appprotect.State, error) {
	var r stateRow
	err := s.row(ctx, "SELECT "+stateColumns+" FROM appprotect_states AS s WHERE s.registration_id = ?", []any{string(id)}, r.scan())
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return appprotect.State{}, err
	}
	return r.state(id)
}

// saveStateSQL is the hot path. The row is there for as long as the epoch lasts:
// the end of the epoch takes it away, and so this never comes after it.
const saveStateSQL = `UPDATE appprotect_states SET
	version = ?, generation = ?, number = ?, report_digest = ?, heard_at = ?, standing = ?, changes_at = ?,
	intended = ?, report = ?, verdict = ?
WHERE registration_id = ? AND epoch = ? AND version = ?`

// SaveState implements [appprotect.States].
func (s *Store) SaveState(ctx context.Context, st appprotect.State, entries ...audit.Entry) (saved bool, err error) {
	args, err := stateArgs(st) // before the transaction, which others wait for
	if err != nil {
		return false, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(saveStateSQL, args...)
		if err != nil {
			return err
		}
		if saved = n == 1; !saved {
			return whyNotSaved(tx, st)
		}
		for _, e := range entries {
			if err := tx.Record(e); err != nil {
				return err
			}
		}
		return nil
	})
	return saved && err == nil, err
}

// whyNotSaved is nil where the epoch lasts, so that another state was stored.
func whyNotSaved(tx *sqldb.Tx, st appprotect.State) error {
	var lasting int
	err := tx.QueryRow("SELECT COUNT(*) FROM appprotect_epochs WHERE registration_id = ? AND epoch = ? AND ended_at IS NULL",
		[]any{string(st.ID), int64(st.Epoch)}, &lasting)
	if err == nil && lasting == 0 {
		return whyOver(tx, st.ID)
	}
	return err
}

func stateArgs(st appprotect.State) ([]any, error) {
	if st.Number > math.MaxInt64 {
		return nil, fault.InvalidField("number", "is too great")
	}
	verdict, err := encodeVerdict(st.Verdict)
	if err != nil {
		return nil, err
	}
	var report any // NULL for none
	if st.Report != nil {
		if report, err = encodeReport(st.Report); err != nil {
			return nil, err
		}
	}
	return []any{
		int64(st.Version), int64(st.Generation), int64(st.Number), st.ReportDigest[:], sqldb.NullMicros(st.HeardAt),
		int64(st.Verdict.Standing), sqldb.NullMicros(st.Verdict.ChangesAt), st.Intended, report, verdict,
		string(st.ID), int64(st.Epoch), int64(st.Version) - 1,
	}, nil
}

// dueSQL looks at every row: an index would have to be kept up by every check-in.
const dueSQL = `SELECT registration_id FROM appprotect_states
WHERE registration_id > ? AND version > 0 AND (changes_at <= ? OR generation < ? OR standing = 4)
ORDER BY registration_id LIMIT ?`

// Due implements [appprotect.States].
func (s *Store) Due(ctx context.Context, d appprotect.Due) ([]device.ID, error) {
	var (
		due []device.ID
		id  string
	)
	err := s.each(ctx, dueSQL, []any{string(d.After), sqldb.Micros(d.Now), int64(d.Generation), d.Limit}, []any{&id}, func() error {
		due = append(due, device.ID(id))
		return nil
	})
	return due, err
}
