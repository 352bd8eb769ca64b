package compliancedb

import (
	"context"

	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

const stateSQL = `SELECT g.generation, g.recalls,
	r.epoch, r.version, r.generation, r.device_group, r.retire_at, r.report, r.verdict
FROM compliance_generation g LEFT JOIN compliance_reports r ON r.device_id = ?`

// State gives the stored state and the marks.
func (s *Store) State(ctx context.Context, id device.ID) (compliance.State, compliance.Marks, error) {
	var marks compliance.Marks
	var epoch, version, generation *uint64
	var group *string
	var retireAt *int64
	var report, verdict []byte
	err := s.row(ctx, stateSQL, []any{string(id)}, []any{
		&marks.Generation, &marks.Recalls, &epoch, &version, &generation, &group, &retireAt, &report, &verdict,
	})
	state := compliance.State{Device: id}
	if err != nil || version == nil {
		return state, marks, err
	}
	state.Epoch, state.Version, state.Generation = device.Epoch(*epoch), *version, *generation
	state.Group, state.RetireAt = textOrEmpty(group), sqldb.FromNullMicros(retireAt)
	if state.Report, err = decodeReport(report); err != nil {
		return compliance.State{}, compliance.Marks{}, sqldb.Fault(err)
	}
	if state.Verdict, err = decodeVerdict(verdict); err != nil {
		return compliance.State{}, compliance.Marks{}, sqldb.Fault(err)
	}
	return state, marks, nil
}

// saveSQL is one statement, so that the database itself refuses what is older,
// whoever writes at the same time.
const saveSQL = `INSERT INTO compliance_reports AS old
	(device_id, epoch, version, generation, observed_at, standing, changes_at, report, verdict, device_group, retire_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (device_id) DO UPDATE SET
	epoch = excluded.epoch, version = excluded.version, generation = excluded.generation,
	observed_at = excluded.observed_at, standing = excluded.standing, changes_at = excluded.changes_at,
	report = excluded.report, verdict = excluded.verdict,
	device_group = excluded.device_group, retire_at = excluded.retire_at
WHERE old.version = excluded.version - 1
	AND (old.epoch < excluded.epoch OR old.epoch = excluded.epoch AND old.observed_at <= excluded.observed_at)`

// Save stores a state if the stored one is still the one it was made from.
func (s *Store) Save(ctx context.Context, w compliance.Write) (bool, error) {
	args := saveArgs(w.State)
	saved := false
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		if saved, err = save(tx, args, w); err != nil || !saved || w.Retirement == nil {
			return err
		}
		return retire(tx, []compliance.Write{w})
	})
	return saved && err == nil, err
}

// SaveAll does so for many, in one transaction. Certificates come after every
// report: whoever writes both keeps to that order, so that no two transactions
// wait for each other.
func (s *Store) SaveAll(ctx context.Context, writes []compliance.Write) ([]bool, error) {
	saved := make([]bool, len(writes))
	args := make([][]any, len(writes))
	for i, w := range writes {
		args[i] = saveArgs(w.State)
	}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		var retiring []compliance.Write
		for i, w := range writes {
			if saved[i], err = save(tx, args[i], w); err != nil {
				return err
			}
			if saved[i] && w.Retirement != nil {
				retiring = append(retiring, w)
			}
		}
		return retire(tx, retiring)
	})
	if err != nil {
		return nil, err
	}
	return saved, nil
}

// saveArgs are made before the transaction, which others wait for.
func saveArgs(s compliance.State) []any {
	return []any{
		string(s.Device), int64(s.Epoch), int64(s.Version + 1), int64(s.Generation), sqldb.Micros(s.Report.ObservedAt),
		int64(s.Verdict.Standing), sqldb.NullMicros(s.Verdict.ChangesAt), encodeReport(s.Report), encodeVerdict(s.Verdict),
		textOrNull(s.Group), sqldb.NullMicros(s.RetireAt),
	}
}

func save(tx *sqldb.Tx, args []any, w compliance.Write) (bool, error) {
	n, err := tx.Exec(saveSQL, args...)
	if err != nil || n == 0 {
		return false, err
	}
	for _, e := range w.Entries {
		if err := tx.Record(e); err != nil {
			return false, err
		}
	}
	return true, nil
}

// A check-in that was let in just before its enrolment ended may be stored just
// after. To keep it out, every check-in would have to look.
const dueSQL = `SELECT r.device_id FROM compliance_reports AS r
WHERE r.device_id > ? AND (r.changes_at <= ? OR r.retire_at <= ? OR r.generation < ? OR EXISTS (
	SELECT 1 FROM compliance_ended_epochs AS e WHERE e.device_id = r.device_id AND e.epoch >= r.epoch
)) ORDER BY r.device_id LIMIT ?`

// Due gives devices that something may have happened to without a report.
func (s *Store) Due(ctx context.Context, d compliance.Due) ([]device.ID, error) {
	var ids []string
	until := sqldb.Micros(d.Until)
	err := s.db.Read(ctx).Raw(dueSQL, string(d.After), until, until, int64(d.Generation), d.Limit).Scan(&ids).Error
	return each(ids, func(id string) device.ID { return device.ID(id) }), sqldb.Fault(err)
}

// Forget drops the state of a device's epochs up to this one. What explains it
// is the record of the enrolment's end.
func (s *Store) Forget(ctx context.Context, id device.ID, epoch device.Epoch) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := forget(tx, id, epoch)
		return err
	})
}

// forget says how many there were.
func forget(tx *sqldb.Tx, id device.ID, epoch device.Epoch) (int64, error) {
	return tx.Exec("DELETE FROM compliance_reports WHERE device_id = ? AND epoch <= ?", string(id), int64(epoch))
}
