package directorydb

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"ringfence/internal/audit"
	"ringfence/internal/directory"
	"ringfence/internal/sqldb"
)

// CreateGroup implements [directory.Groups].
func (s *Store) CreateGroup(ctx context.Context, g directory.Group, members []string, e audit.Entry) (names []string, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		row := groupToRow(g)
		if err := tx.Gorm().Create(&row).Error; err != nil {
			return taken(err, directory.ErrGroupExists)
		}
		if _, err := s.userKeys(tx, members, true); err != nil {
			return err
		}
		if err := join(tx, g.ID, members); err != nil {
			return err
		}
		if names, err = namesOf(tx, members...); err != nil {
			return err
		}
		return tx.Record(e)
	})
	return names, err
}

// Group implements [directory.Groups].
func (s *Store) Group(ctx context.Context, id string) (directory.Group, error) {
	var row groupRow
	if err := s.db.Read(ctx).Where("id = ?", id).Take(&row).Error; err != nil {
		return directory.Group{}, missing(err, directory.ErrNoGroup)
	}
	return row.group(), nil
}

// Members implements [directory.Groups].
func (s *Store) Members(ctx context.Context, id string) ([]string, error) {
	return membersOf(s.db.Read(ctx), id)
}

// ListGroups implements [directory.Groups].
func (s *Store) ListGroups(ctx context.Context, q directory.Query) ([]directory.Group, int, error) {
	var rows []groupRow
	total, err := s.groups().list(func() *gorm.DB { return s.db.Read(ctx).Model(&groupRow{}) }, q, &rows)
	if err != nil {
		return nil, 0, err
	}
	groups := make([]directory.Group, len(rows))
	for i, r := range rows {
		groups[i] = r.group()
	}
	return groups, total, nil
}

// SaveGroup implements [directory.Groups].
func (s *Store) SaveGroup(ctx context.Context, c directory.GroupChange) (after directory.Group, names []string, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		after, names = c.Before, nil
		if err := s.hold(tx, c.Before); err != nil {
			return err
		}
		added, removed, err := settle(tx, c)
		if err != nil || len(added)+len(removed) == 0 && c.Spec == c.Before.GroupSpec {
			return err
		}
		entry, err := s.explain(tx, c, added, removed)
		if err != nil {
			return err
		}
		after.GroupSpec, after.Version, after.UpdatedAt = c.Spec, c.Before.Version+1, c.At
		if names, err = move(tx, c, after, added, removed); err != nil {
			return err
		}
		return tx.Record(entry)
	})
	return after, names, err
}

// hold keeps a group as it is until the transaction ends. Another version there
// is ErrMoved.
func (s *Store) hold(tx *sqldb.Tx, g directory.Group) error {
	var version int64
	err := tx.QueryRow(s.locked(`SELECT version FROM directory_groups WHERE id = ?`), []any{g.ID}, &version)
	switch {
	case err != nil:
		return missing(err, directory.ErrNoGroup)
	case uint64(version) != g.Version:
		return directory.ErrMoved
	default:
		return nil
	}
}

// settle says whom a change adds and removes.
func settle(tx *sqldb.Tx, c directory.GroupChange) (added, removed []string, err error) {
	if c.Members.IsZero() {
		return nil, nil, nil
	}
	var in []string
	if c.Members.Replaces() {
		in, err = membersOf(tx.Gorm(), c.Before.ID)
	} else {
		in, err = membersAmong(tx, c.Before.ID, c.Members.Named())
	}
	if err != nil {
		return nil, nil, err
	}
	added, removed = c.Members.Settle(in)
	if len(added) == 0 {
		return added, removed, nil
	}
	var count int64
	err = tx.QueryRow(`SELECT COUNT(*) FROM directory_members WHERE group_id = ?`, []any{c.Before.ID}, &count)
	if err == nil && int(count)+len(added)-len(removed) > directory.MaxMembers {
		err = directory.ErrTooManyMembers
	}
	return added, removed, err
}

// explain makes the entry of a change. Who is added must be a user.
func (s *Store) explain(tx *sqldb.Tx, c directory.GroupChange, added, removed []string) (audit.Entry, error) {
	in, err := s.userKeys(tx, added, true)
	if err != nil {
		return audit.Entry{}, err
	}
	out, err := s.userKeys(tx, removed, false)
	if err != nil {
		return audit.Entry{}, err
	}
	return c.Explain(in, out), nil
}

// move stores what a group is to be, and gives the names of whom that concerns.
func move(tx *sqldb.Tx, c directory.GroupChange, after directory.Group, added, removed []string) ([]string, error) {
	r := groupToRow(after)
	_, err := tx.Exec(`UPDATE directory_groups SET display_name = ?, display_key = ?, external_id = ?, version = ?, updated_at = ?
WHERE id = ?`, r.DisplayName, r.DisplayKey, r.ExternalID, r.Version, r.UpdatedAt, r.ID)
	if err != nil {
		return nil, taken(err, directory.ErrGroupExists)
	}
	if err := join(tx, r.ID, added); err != nil {
		return nil, err
	}
	for some := range slices.Chunk(removed, chunk) {
		err := tx.Gorm().Where("group_id = ? AND user_id IN ?", r.ID, some).Delete(&memberRow{}).Error
		if err != nil {
			return nil, err
		}
	}
	concerned := slices.Concat(added, removed)
	if directory.Key(c.Before.DisplayName) != r.DisplayKey {
		in, err := membersOf(tx.Gorm(), r.ID) // with those who were added
		if err != nil {
			return nil, err
		}
		concerned = slices.Concat(in, removed)
	}
	return namesOf(tx, concerned...)
}

// DeleteGroup implements [directory.Groups].
func (s *Store) DeleteGroup(ctx context.Context, g directory.Group, e audit.Entry) (names []string, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.hold(tx, g); err != nil {
			return err
		}
		members, err := membersOf(tx.Gorm(), g.ID)
		if err != nil {
			return err
		}
		if names, err = namesOf(tx, members...); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM directory_members WHERE group_id = ?`, g.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM directory_groups WHERE id = ?`, g.ID); err != nil {
			return err
		}
		return tx.Record(e)
	})
	return names, err
}
