package directorydb

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"ringfence/internal/audit"
	"ringfence/internal/directory"
	"ringfence/internal/sqldb"
)

// CreateUser implements [directory.Users].
func (s *Store) CreateUser(ctx context.Context, u directory.User, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		row := userToRow(u)
		if err := tx.Gorm().Create(&row).Error; err != nil {
			return taken(err, directory.ErrUserExists)
		}
		if err := claim(tx, row.UserKey, u.ID); err != nil {
			return err
		}
		return tx.Record(e)
	})
}

// claim gives a user a name, whoever had it before.
func claim(tx *sqldb.Tx, key, id string) error {
	_, err := tx.Exec(`INSERT INTO directory_names (name_key, user_id) VALUES (?, ?)
ON CONFLICT (name_key) DO UPDATE SET user_id = excluded.user_id`, key, id)
	return err
}

// User implements [directory.Users].
func (s *Store) User(ctx context.Context, id string) (directory.User, error) {
	var row userRow
	if err := s.db.Read(ctx).Where("id = ? AND deleted_at IS NULL", id).Take(&row).Error; err != nil {
		return directory.User{}, missing(err, directory.ErrNoUser)
	}
	return row.user(), nil
}

// ListUsers implements [directory.Users].
func (s *Store) ListUsers(ctx context.Context, q directory.Query) ([]directory.User, int, error) {
	var rows []userRow
	from := func() *gorm.DB { return s.db.Read(ctx).Model(&userRow{}).Where("deleted_at IS NULL") }
	total, err := s.users().list(from, q, &rows)
	if err != nil {
		return nil, 0, err
	}
	users := make([]directory.User, len(rows))
	for i, r := range rows {
		users[i] = r.user()
	}
	return users, total, nil
}

// SaveUser implements [directory.Users].
func (s *Store) SaveUser(ctx context.Context, u directory.User, e audit.Entry) (names []string, err error) {
	r := userToRow(u)
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`UPDATE directory_users SET user_name = ?, user_key = ?, external_id = ?, display_name = ?,
display_key = ?, active = ?, version = ?, updated_at = ? WHERE id = ? AND version = ? AND deleted_at IS NULL`,
			r.UserName, r.UserKey, r.ExternalID, r.DisplayName, r.DisplayKey, r.Active, r.Version, r.UpdatedAt, r.ID, r.Version-1)
		switch {
		case err != nil:
			return taken(err, directory.ErrUserExists)
		case n == 0:
			return directory.ErrMoved
		}
		if err := claim(tx, r.UserKey, r.ID); err != nil {
			return err
		}
		if names, err = namesOf(tx, r.ID); err != nil {
			return err
		}
		return tx.Record(e)
	})
	return names, err
}

// DeleteUser implements [directory.Users].
func (s *Store) DeleteUser(ctx context.Context, u directory.User, at time.Time, e audit.Entry) (names []string, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`UPDATE directory_users SET external_id = '', display_name = '', display_key = '', active = 0,
version = version + 1, updated_at = ?, deleted_at = ? WHERE id = ? AND version = ? AND deleted_at IS NULL`,
			sqldb.Micros(at), sqldb.Micros(at), u.ID, int64(u.Version))
		switch {
		case err != nil:
			return err
		case n == 0:
			return directory.ErrMoved
		}
		if _, err := tx.Exec(`UPDATE directory_groups SET version = version + 1,
updated_at = CASE WHEN updated_at > ? THEN updated_at ELSE ? END
WHERE id IN (SELECT group_id FROM directory_members WHERE user_id = ?)`, sqldb.Micros(at), sqldb.Micros(at), u.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM directory_members WHERE user_id = ?`, u.ID); err != nil {
			return err
		}
		if names, err = namesOf(tx, u.ID); err != nil {
			return err
		}
		return tx.Record(e)
	})
	return names, err
}

// namesOf gives every name that users have or had, sorted.
func namesOf(tx *sqldb.Tx, ids ...string) ([]string, error) {
	var all []string
	for some := range slices.Chunk(ids, chunk) {
		var names []string
		err := tx.Gorm().Table("directory_names").Where("user_id IN ?", some).Pluck("name_key", &names).Error
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return all, nil
}

const standingSQL = `SELECT u.active AS active, g.display_key AS group_key FROM directory_names n
JOIN directory_users u ON u.id = n.user_id
LEFT JOIN directory_members m ON m.user_id = u.id
LEFT JOIN directory_groups g ON g.id = m.group_id
WHERE n.name_key = ?`

// Standing implements [directory.Users].
func (s *Store) Standing(ctx context.Context, key string) (directory.Standing, error) {
	var (
		st     directory.Standing
		active int64
		group  *string
	)
	err := s.db.QueryRows(ctx, standingSQL, []any{key}, []any{&active, &group}, func() error {
		st.Known, st.Active = true, active == 1 // who was deleted is not active
		if group != nil {
			st.Groups = append(st.Groups, *group)
		}
		return nil
	})
	if err != nil {
		return directory.Standing{}, err
	}
	slices.Sort(st.Groups)
	return st, nil
}
