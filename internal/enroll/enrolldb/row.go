package enrolldb

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"strings"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
)

type tokenRow struct {
	ID          string
	Lookup      string
	SecretHash  []byte
	Description string
	Ownership   string
	Mode        string
	GroupName   string
	UserName    string
	MaxUses     int64
	Uses        int64
	CreatedAt   int64
	CreatedBy   string
	ExpiresAt   int64
	RevokedAt   *int64
	RequestKey  string
	RequestHash []byte
}

func (tokenRow) TableName() string { return "enroll_tokens" }

// tokenColumns are the columns of tokenRow, in the order of its fields.
const tokenColumns = `id, lookup, secret_hash, description, ownership, mode, group_name, user_name,
max_uses, uses, created_at, created_by, expires_at, revoked_at, request_key, request_hash`

// scan gives where tokenColumns are read to.
func (r *tokenRow) scan() []any {
	return []any{
		&r.ID, &r.Lookup, &r.SecretHash, &r.Description, &r.Ownership, &r.Mode, &r.GroupName, &r.UserName,
		&r.MaxUses, &r.Uses, &r.CreatedAt, &r.CreatedBy, &r.ExpiresAt, &r.RevokedAt, &r.RequestKey, &r.RequestHash,
	}
}

func tokenToRow(t enroll.Token) tokenRow {
	return tokenRow{
		ID: t.ID, Lookup: t.Lookup, SecretHash: octets(t.Secret), Description: t.Description,
		Ownership: string(t.Ownership), Mode: string(t.Mode), GroupName: t.Group, UserName: t.User,
		MaxUses: int64(t.MaxUses), Uses: int64(t.Uses),
		CreatedAt: sqldb.Micros(t.CreatedAt), CreatedBy: t.CreatedBy,
		ExpiresAt: sqldb.Micros(t.ExpiresAt), RevokedAt: sqldb.NullMicros(t.RevokedAt),
		RequestKey: t.RequestKey, RequestHash: octets(t.Request),
	}
}

func (r tokenRow) token() enroll.Token {
	return enroll.Token{
		ID: r.ID, Lookup: r.Lookup, Secret: digest(r.SecretHash), Description: r.Description,
		Ownership: device.Ownership(r.Ownership), Mode: device.Mode(r.Mode), Group: r.GroupName, User: r.UserName,
		MaxUses: uint32(r.MaxUses), Uses: uint32(r.Uses), // the schema bounds both
		CreatedAt: sqldb.FromMicros(r.CreatedAt), CreatedBy: r.CreatedBy,
		ExpiresAt: sqldb.FromMicros(r.ExpiresAt), RevokedAt: sqldb.FromNullMicros(r.RevokedAt),
		RequestKey: r.RequestKey, Request: digest(r.RequestHash),
	}
}

type deviceRow struct {
	ID            string
	Version       int64
	CreatedAt     int64
	HardwareTag   []byte
	Epoch         int64
	State         string
	Ownership     string
	Mode          string
	GroupName     string
	UserName      string
	TokenID       string
	Platform      string
	Model         string
	OSVersion     string
	EnrolledAt    int64
	EndedAt       *int64
	LastSeenAt    *int64
	Serial        string
	ExpiresAt     int64
	NextSerial    *string
	NextExpiresAt *int64
	DeletedAt     *int64
	DeletedBy     *string
	PurgedAt      *int64
}

func (deviceRow) TableName() string { return "enroll_devices" }

// deviceColumns are the columns of deviceRow, in the order of its fields.
const deviceColumns = `d.id, d.version, d.created_at, d.hardware_tag, d.epoch, d.state, d.ownership, d.mode,
d.group_name, d.user_name, d.token_id, d.platform, d.model, d.os_version, d.enrolled_at, d.ended_at,
d.last_seen_at, d.serial, d.expires_at, d.next_serial, d.next_expires_at, d.deleted_at, d.deleted_by, d.purged_at`

// scan gives where deviceColumns are read to.
func (r *deviceRow) scan() []any {
	return []any{
		&r.ID, &r.Version, &r.CreatedAt, &r.HardwareTag, &r.Epoch, &r.State, &r.Ownership, &r.Mode,
		&r.GroupName, &r.UserName, &r.TokenID, &r.Platform, &r.Model, &r.OSVersion, &r.EnrolledAt, &r.EndedAt,
		&r.LastSeenAt, &r.Serial, &r.ExpiresAt, &r.NextSerial, &r.NextExpiresAt,
		&r.DeletedAt, &r.DeletedBy, &r.PurgedAt,
	}
}

func (r deviceRow) device() enroll.Device {
	d := enroll.Device{
		ID: device.ID(r.ID), Version: uint64(r.Version), CreatedAt: sqldb.FromMicros(r.CreatedAt), Tag: digest(r.HardwareTag),
		Epoch: device.Epoch(r.Epoch), State: enroll.State(r.State),
		Ownership: device.Ownership(r.Ownership), Mode: device.Mode(r.Mode), Group: r.GroupName, User: r.UserName,
		TokenID: r.TokenID, Platform: device.Platform(r.Platform), Model: r.Model, OSVersion: r.OSVersion,
		EnrolledAt: sqldb.FromMicros(r.EnrolledAt), EndedAt: sqldb.FromNullMicros(r.EndedAt), LastSeenAt: sqldb.FromNullMicros(r.LastSeenAt),
		DeletedAt: sqldb.FromNullMicros(r.DeletedAt), PurgedAt: sqldb.FromNullMicros(r.PurgedAt),
		Certificate: enroll.Certificate{Serial: r.Serial, ExpiresAt: sqldb.FromMicros(r.ExpiresAt)},
	}
	if r.DeletedBy != nil {
		d.DeletedBy = *r.DeletedBy
	}
	if r.NextSerial != nil {
		d.Next = enroll.Certificate{Serial: *r.NextSerial, ExpiresAt: sqldb.FromNullMicros(r.NextExpiresAt)}
	}
	return d
}

// word is a text, NULL for none.
func word(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type administratorRow struct {
	Serial     string
	Name       string
	Role       string
	Person     string
	GroupNames string
	KeyHash    []byte
	CreatedAt  int64
	CreatedBy  string
	ExpiresAt  int64
	RevokedAt  *int64
}

func (administratorRow) TableName() string { return "enroll_administrators" }

func administratorToRow(a enroll.Administrator) administratorRow {
	return administratorRow{
		Serial: a.Serial, Name: a.Name, Role: string(a.Role), Person: a.Person, GroupNames: joinGroups(a.Groups),
		KeyHash:   octets(a.Key),
		CreatedAt: sqldb.Micros(a.CreatedAt), CreatedBy: a.CreatedBy,
		ExpiresAt: sqldb.Micros(a.ExpiresAt), RevokedAt: sqldb.NullMicros(a.RevokedAt),
	}
}

func (r administratorRow) administrator() enroll.Administrator {
	return enroll.Administrator{
		Serial: r.Serial, Key: digest(r.KeyHash),
		Appointment: enroll.Appointment{
			Name: r.Name, Role: enroll.Role(r.Role), Person: r.Person, Groups: splitGroups(r.GroupNames),
		},
		CreatedAt: sqldb.FromMicros(r.CreatedAt), CreatedBy: r.CreatedBy,
		ExpiresAt: sqldb.FromMicros(r.ExpiresAt), RevokedAt: sqldb.FromNullMicros(r.RevokedAt),
	}
}

// joinGroups writes the names of groups, which hold no space.
func joinGroups(groups []string) string { return strings.Join(groups, " ") }

// splitGroups reads what joinGroups writes: nil for none.
func splitGroups(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, " ")
}

type endingRow struct {
	DeviceID string
	Epoch    int64
	Cause    string
	Reason   string
	EndedAt  int64
	TokenID  *string
}

func (endingRow) TableName() string { return "enroll_endings" }

func (r endingRow) ending() enroll.Ending {
	e := enroll.Ending{
		Device: device.ID(r.DeviceID), Epoch: device.Epoch(r.Epoch),
		Cause: enroll.State(r.Cause), Reason: r.Reason, EndedAt: sqldb.FromMicros(r.EndedAt),
	}
	if r.TokenID != nil {
		e.TokenID = *r.TokenID
	}
	return e
}

// joinChain writes certificates one after the other: DER says where each ends.
func joinChain(chain [][]byte) []byte { return bytes.Join(chain, nil) }

func splitChain(b []byte) ([][]byte, error) {
	var chain [][]byte
	for len(b) > 0 {
		var certificate asn1.RawValue
		rest, err := asn1.Unmarshal(b, &certificate)
		if err != nil {
			return nil, fmt.Errorf("read a stored certificate chain: %w", err)
		}
		chain = append(chain, certificate.FullBytes)
		b = rest
	}
	return chain, nil
}
