package directorydb

import (
	"slices"

	"gorm.io/gorm"

	"ringfence/internal/directory"
	"ringfence/internal/sqldb"
)

// membersOf gives the ids of a group's members, sorted.
func membersOf(from *gorm.DB, group string) ([]string, error) {
	var ids []string
	err := from.Model(&memberRow{}).Where("group_id = ?", group).Pluck("user_id", &ids).Error
	slices.Sort(ids)
	return ids, sqldb.Fault(err)
}

// membersAmong gives those of the ids that are members.
func membersAmong(tx *sqldb.Tx, group string, ids []string) ([]string, error) {
	var all []string
	for some := range slices.Chunk(ids, chunk) {
		var in []string
		err := tx.Gorm().Model(&memberRow{}).Where("group_id = ? AND user_id IN ?", group, some).Pluck("user_id", &in).Error
		if err != nil {
			return nil, err
		}
		all = append(all, in...)
	}
	return all, nil
}

// join adds members, who are users and are not in yet.
func join(tx *sqldb.Tx, group string, ids []string) error {
	for some := range slices.Chunk(ids, chunk) {
		rows := make([]memberRow, len(some))
		for i, id := range some {
			rows[i] = memberRow{GroupID: group, UserID: id}
		}
		if err := tx.Gorm().Create(&rows).Error; err != nil {
			return err
		}
	}
	return nil
}

// userKeys gives the names of users, sorted. If they are to stay users until the
// transaction ends, one who is none is ErrNoMember.
func (s *Store) userKeys(tx *sqldb.Tx, ids []string, stay bool) ([]string, error) {
	query := "SELECT user_key FROM directory_users WHERE id IN ? AND deleted_at IS NULL"
	if stay && s.db.Dialect() == sqldb.Postgres {
		query += " ORDER BY id FOR SHARE"
	}
	var all []string
	for some := range slices.Chunk(ids, chunk) {
		var keys []string
		if err := tx.Gorm().Raw(query, some).Scan(&keys).Error; err != nil {
			return nil, err
		}
		if stay && len(keys) != len(some) {
			return nil, directory.ErrNoMember
		}
		all = append(all, keys...)
	}
	slices.Sort(all)
	return all, nil
}
