package enrolldb

import (
	"context"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
)

const (
	forgetReasonsSQL = `UPDATE enroll_endings SET reason = '' WHERE device_id = ? AND reason <> ''`

	// The token of the latest epoch is in the record, those of all in their ends.
	markTokensSQL = `UPDATE enroll_tokens SET forget_at = ?
WHERE user_name <> '' AND forget_at IS NULL
	AND (id = ? OR id IN (SELECT token_id FROM enroll_endings WHERE device_id = ?))`
)

// forgetEpochs takes the words about how a purged device's epochs ended, and
// marks the tokens that it joined with.
func forgetEpochs(tx *sqldb.Tx, d enroll.Device) error {
	if _, err := tx.Exec(forgetReasonsSQL, string(d.ID)); err != nil {
		return err
	}
	_, err := tx.Exec(markTokensSQL, sqldb.Micros(d.PurgedAt), d.TokenID, string(d.ID))
	return err
}

// A token has let in as many epochs as it has uses. When that many are of purged
// devices, no other is left: one that lasts has no end, and its device is none.
const forgettableSQL = `SELECT t.id FROM enroll_tokens AS t
WHERE t.forget_at IS NOT NULL AND t.id > ?
	AND (t.uses >= t.max_uses OR t.revoked_at IS NOT NULL OR t.expires_at <= ?)
	AND t.uses <= (
		SELECT COUNT(*) FROM enroll_endings AS e JOIN enroll_devices AS d ON d.id = e.device_id
		WHERE e.token_id = t.id AND d.purged_at IS NOT NULL
	)
ORDER BY t.id LIMIT ?`

// Forgettable implements [enroll.Tokens].
func (s *Store) Forgettable(ctx context.Context, now time.Time, after string, limit int) ([]string, error) {
	var ids []string
	err := s.db.Read(ctx).Raw(forgettableSQL, after, sqldb.Micros(now), limit).Scan(&ids).Error
	return ids, sqldb.Fault(err)
}

const forgetTokenSQL = `UPDATE enroll_tokens SET user_name = '', description = '', request_hash = ?, forget_at = NULL
WHERE id = ? AND user_name <> ''`

// ForgetToken implements [enroll.Tokens]. The hash of the request goes too: with
// it a name could be guessed and proved.
func (s *Store) ForgetToken(ctx context.Context, id string, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(forgetTokenSQL, make([]byte, len(enroll.Digest{})), id)
		if err != nil || n == 0 {
			return err
		}
		return tx.Record(e)
	})
}
