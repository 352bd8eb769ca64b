package directorydb

import (
	"ringfence/internal/directory"
	"ringfence/internal/sqldb"
)

type userRow struct {
	ID          string
	UserName    string
	UserKey     string
	ExternalID  string
	DisplayName string
	DisplayKey  string
	Active      int64
	Version     int64
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
	UpdatedAt   int64 `gorm:"autoUpdateTime:false"`
}

// TableName names the table.
func (userRow) TableName() string { return "directory_users" }

func userToRow(u directory.User) userRow {
	return userRow{
		ID: u.ID, UserName: u.UserName, UserKey: directory.Key(u.UserName), ExternalID: u.ExternalID,
		DisplayName: u.DisplayName, DisplayKey: directory.Key(u.DisplayName), Active: number(u.Active),
		Version: int64(u.Version), CreatedAt: sqldb.Micros(u.CreatedAt), UpdatedAt: sqldb.Micros(u.UpdatedAt),
	}
}

func (r userRow) user() directory.User {
	return directory.User{
		ID: r.ID,
		UserSpec: directory.UserSpec{
			UserName: r.UserName, ExternalID: r.ExternalID, DisplayName: r.DisplayName, Active: r.Active == 1,
		},
		CreatedAt: sqldb.FromMicros(r.CreatedAt), UpdatedAt: sqldb.FromMicros(r.UpdatedAt), Version: uint64(r.Version),
	}
}

type groupRow struct {
	ID          string
	DisplayName string
	DisplayKey  string
	ExternalID  string
	Version     int64
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
	UpdatedAt   int64 `gorm:"autoUpdateTime:false"`
}

// TableName names the table.
func (groupRow) TableName() string { return "directory_groups" }

func groupToRow(g directory.Group) groupRow {
	return groupRow{
		ID: g.ID, DisplayName: g.DisplayName, DisplayKey: directory.Key(g.DisplayName), ExternalID: g.ExternalID,
		Version: int64(g.Version), CreatedAt: sqldb.Micros(g.CreatedAt), UpdatedAt: sqldb.Micros(g.UpdatedAt),
	}
}

func (r groupRow) group() directory.Group {
	return directory.Group{
		ID:        r.ID,
		GroupSpec: directory.GroupSpec{DisplayName: r.DisplayName, ExternalID: r.ExternalID},
		CreatedAt: sqldb.FromMicros(r.CreatedAt), UpdatedAt: sqldb.FromMicros(r.UpdatedAt), Version: uint64(r.Version),
	}
}

type memberRow struct {
	GroupID string `gorm:"primaryKey"`
	UserID  string `gorm:"primaryKey"`
}

// TableName names the table.
func (memberRow) TableName() string { return "directory_members" }

type tokenRow struct {
	ID         string
	Name       string
	Lookup     string
	SecretHash []byte
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	CreatedBy  string
	RevokedAt  *int64
}

// TableName names the table.
func (tokenRow) TableName() string { return "directory_tokens" }

func (r tokenRow) token() directory.Token {
	t := directory.Token{
		ID: r.ID, Name: r.Name, Lookup: r.Lookup, CreatedAt: sqldb.FromMicros(r.CreatedAt), CreatedBy: r.CreatedBy,
	}
	copy(t.Secret[:], r.SecretHash) // the schema sees to the length
	if r.RevokedAt != nil {
		t.RevokedAt = sqldb.FromMicros(*r.RevokedAt)
	}
	return t
}
