package wipedb

import (
	"errors"
	"strings"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// orderRow is one row of wipe_orders. Times are unix microseconds, UTC.
type orderRow struct {
	ID             string `gorm:"column:id;primaryKey"`
	DeviceID       string `gorm:"column:device_id"`
	Epoch          int64  `gorm:"column:epoch"`
	Sequence       int64  `gorm:"column:sequence"`
	Scope          string `gorm:"column:scope"`
	Packages       string `gorm:"column:packages"`
	PersonalSide   int64  `gorm:"column:personal_side"`
	State          string `gorm:"column:state"`
	Reason         string `gorm:"column:reason"`
	CreatedBy      string `gorm:"column:created_by"`
	CreatedAt      int64  `gorm:"column:created_at;autoCreateTime:false"`
	NotAfter       int64  `gorm:"column:not_after"`
	ChangedAt      int64  `gorm:"column:changed_at"`
	AcknowledgedAt *int64 `gorm:"column:acknowledged_at"`
	SettledAt      *int64 `gorm:"column:settled_at"`
	NotNowCount    int64  `gorm:"column:not_now_count"`
	Outcome        string `gorm:"column:outcome"`
	Version        int64  `gorm:"column:version"`
	Refusals       int64  `gorm:"column:refusals"`
	Refusal        string `gorm:"column:refusal"`

	Source      string  `gorm:"column:source"`
	RequestID   *string `gorm:"column:request_id"`
	Person      string  `gorm:"column:person"`
	Credential  string  `gorm:"column:credential"`
	CountedAt   int64   `gorm:"column:counted_at"`
	GroupName   string  `gorm:"column:group_name"`
	Ownership   string  `gorm:"column:ownership"`
	App         string  `gorm:"column:app"`
	HeldUntil   *int64  `gorm:"column:held_until"`
	LeaseNumber *int64  `gorm:"column:lease_number"`
	LeaseLock   *int64  `gorm:"column:lease_lock"`
	LeaseWipe   *int64  `gorm:"column:lease_wipe"`

	CommitmentAt           *int64  `gorm:"column:commitment_at"`
	CommitmentPackages     *string `gorm:"column:commitment_packages"`
	CommitmentFiles        *int64  `gorm:"column:commitment_files"`
	CommitmentBytes        *int64  `gorm:"column:commitment_bytes"`
	CommitmentKeys         *int64  `gorm:"column:commitment_keys"`
	CommitmentCertificates *int64  `gorm:"column:commitment_certificates"`
	CommitmentKey          []byte  `gorm:"column:commitment_key"`
	CommitmentDigest       []byte  `gorm:"column:commitment_digest"`

	ReceiptFinishedAt   *int64  `gorm:"column:receipt_finished_at"`
	ReceiptPackages     *string `gorm:"column:receipt_packages"`
	ReceiptFiles        *int64  `gorm:"column:receipt_files"`
	ReceiptBytes        *int64  `gorm:"column:receipt_bytes"`
	ReceiptKeys         *int64  `gorm:"column:receipt_keys"`
	ReceiptCertificates *int64  `gorm:"column:receipt_certificates"`
}

// TableName names the table for gorm.
func (orderRow) TableName() string { return "wipe_orders" }

// changeSQL saves what an order's life changes, if it is at the version before. A
// trigger keeps the other columns as they are.
const changeSQL = `UPDATE wipe_orders SET state = ?, changed_at = ?, acknowledged_at = ?, settled_at = ?, not_now_count = ?, outcome = ?,
version = ?, refusals = ?, refusal = ?, commitment_at = ?, commitment_packages = ?, commitment_files = ?, commitment_bytes = ?,
commitment_keys = ?, commitment_certificates = ?, commitment_key = ?, commitment_digest = ?, receipt_finished_at = ?,
receipt_packages = ?, receipt_files = ?, receipt_bytes = ?, receipt_keys = ?, receipt_certificates = ?
WHERE id = ? AND version = ?`

// changes gives the values for changeSQL.
func (r *orderRow) changes() []any {
	return []any{
		r.State, r.ChangedAt, r.AcknowledgedAt, r.SettledAt, r.NotNowCount, r.Outcome,
		r.Version, r.Refusals, r.Refusal, r.CommitmentAt, r.CommitmentPackages, r.CommitmentFiles, r.CommitmentBytes,
		r.CommitmentKeys, r.CommitmentCertificates, r.CommitmentKey, r.CommitmentDigest, r.ReceiptFinishedAt,
		r.ReceiptPackages, r.ReceiptFiles, r.ReceiptBytes, r.ReceiptKeys, r.ReceiptCertificates,
		r.ID, r.Version - 1,
	}
}

// toRow gives the row of an order. Of a new one its last change is when it came
// to be.
func toRow(o wipe.Order) orderRow {
	r := orderRow{
		ID: string(o.ID), DeviceID: string(o.Device), Epoch: int64(o.Epoch), Sequence: int64(o.Sequence),
		Scope: string(o.Scope.Kind()), Packages: join(o.Scope.Packages()), PersonalSide: bit(o.Scope.PersonalSide()),
		State: string(o.State), Reason: o.Reason, CreatedBy: o.CreatedBy,
		CreatedAt: o.CreatedAt.UnixMicro(), NotAfter: o.NotAfter.UnixMicro(), ChangedAt: o.ChangedAt.UnixMicro(),
		AcknowledgedAt: sqldb.NullMicros(o.AcknowledgedAt), SettledAt: sqldb.NullMicros(o.SettledAt),
		NotNowCount: int64(o.NotNow), Outcome: o.Outcome, Version: int64(o.Version),
		Refusals: int64(o.Refusals), Refusal: o.Refusal,
		Source: string(o.Source), RequestID: filled(string(o.Request)), Person: o.Person, Credential: o.Credential,
		CountedAt: o.ChangedAt.UnixMicro(), GroupName: o.Group, Ownership: string(o.Ownership), App: o.App, HeldUntil: sqldb.NullMicros(o.HeldUntil),
	}
	if l := o.Lease; l != nil {
		r.LeaseNumber, r.LeaseLock, r.LeaseWipe = new(int64(l.Number)), new(int64(l.Lock)), new(int64(l.Wipe))
	}
	if o.Commitment != nil {
		r.setCommitment(*o.Commitment)
	}
	if o.Receipt != nil {
		r.setReceipt(*o.Receipt)
	}
	return r
}

func (r *orderRow) setCommitment(c wipe.Commitment) {
	r.CommitmentAt = new(c.At.UnixMicro())
	r.CommitmentPackages = new(join(c.Packages))
	r.CommitmentFiles = new(int64(c.Files))
	r.CommitmentBytes = new(int64(c.Bytes))
	r.CommitmentKeys = new(int64(c.Keys))
	r.CommitmentCertificates = new(int64(c.Certificates))
	r.CommitmentKey, r.CommitmentDigest = c.Key, c.Digest[:]
}

func (r *orderRow) setReceipt(c wipe.Receipt) {
	r.ReceiptFinishedAt = new(c.FinishedAt.UnixMicro())
	r.ReceiptPackages = new(join(c.Packages))
	r.ReceiptFiles = new(int64(c.Files))
	r.ReceiptBytes = new(int64(c.Bytes))
	r.ReceiptKeys = new(int64(c.Keys))
	r.ReceiptCertificates = new(int64(c.Certificates))
}

// order gives the order in the row. What no order can be, such as one of
// another scope, is an Internal fault, whoever wrote it there.
func (r orderRow) order() (wipe.Order, error) {
	scope, err := toScope(r.Scope, r.Packages, r.PersonalSide != 0, device.Ownership(r.Ownership))
	if err == nil && r.App != "" && (scope.Kind() != wipe.AppData || r.Packages != r.App || r.Ownership != string(device.Personal)) {
		err = errors.New("it takes more than the data of the app it is for")
	}
	if err != nil {
		return wipe.Order{}, fault.New(fault.Internal, "", "wipe order %q is damaged", r.ID).WithCause(err)
	}
	return wipe.Order{
		ID: wipe.ID(r.ID), Device: device.ID(r.DeviceID), Epoch: device.Epoch(r.Epoch), Sequence: uint64(r.Sequence),
		Scope: scope, State: wipe.State(r.State), Reason: r.Reason, CreatedBy: r.CreatedBy,
		CreatedAt: sqldb.FromMicros(r.CreatedAt), NotAfter: sqldb.FromMicros(r.NotAfter), ChangedAt: sqldb.FromMicros(r.ChangedAt),
		AcknowledgedAt: sqldb.FromNullMicros(r.AcknowledgedAt), SettledAt: sqldb.FromNullMicros(r.SettledAt),
		NotNow: uint32(r.NotNowCount), Outcome: r.Outcome, Version: uint64(r.Version),
		Refusals: uint32(r.Refusals), Refusal: r.Refusal, Commitment: r.commitment(), Receipt: r.receipt(),
		Request: wipe.RequestID(text(r.RequestID)), Source: wipe.Source(r.Source), Person: r.Person, Credential: r.Credential,
		Group: r.GroupName, Ownership: device.Ownership(r.Ownership), App: r.App, HeldUntil: sqldb.FromNullMicros(r.HeldUntil), Lease: r.lease(),
	}, nil
}

// commitment gives nil where there is none; the database keeps it whole or
// absent.
func (r orderRow) commitment() *wipe.Commitment {
	if r.CommitmentAt == nil {
		return nil
	}
	c := &wipe.Commitment{
		At: sqldb.FromNullMicros(r.CommitmentAt), Packages: split(*r.CommitmentPackages),
		Files: uint64(*r.CommitmentFiles), Bytes: uint64(*r.CommitmentBytes),
		Keys: uint64(*r.CommitmentKeys), Certificates: uint64(*r.CommitmentCertificates), Key: r.CommitmentKey,
	}
	copy(c.Digest[:], r.CommitmentDigest)
	return c
}

// receipt gives nil where there is none; the database keeps it whole or absent.
func (r orderRow) receipt() *wipe.Receipt {
	if r.ReceiptFinishedAt == nil {
		return nil
	}
	return &wipe.Receipt{
		FinishedAt: sqldb.FromNullMicros(r.ReceiptFinishedAt), Packages: split(*r.ReceiptPackages),
		Files: uint64(*r.ReceiptFiles), Bytes: uint64(*r.ReceiptBytes),
		Keys: uint64(*r.ReceiptKeys), Certificates: uint64(*r.ReceiptCertificates),
	}
}

// lease gives nil for an order of another source; the database keeps it whole
// or absent.
func (r orderRow) lease() *wipe.Lease {
	if r.LeaseNumber == nil {
		return nil
	}
	return &wipe.Lease{Number: uint64(*r.LeaseNumber), Lock: time.Duration(*r.LeaseLock), Wipe: time.Duration(*r.LeaseWipe)}
}

// toScope gives the scope for a device of that ownership. What takes more than
// the work profile of a device that is not the company's is damage.
func toScope(kind, packages string, personal bool, o device.Ownership) (wipe.Scope, error) {
	k := wipe.ScopeKind(kind)
	switch k {
	case wipe.Lock:
		return wipe.OfLock(), nil
	case wipe.AppData:
		return wipe.OfAppData(split(packages))
	case wipe.WorkProfile:
		return wipe.OfWorkProfile(), nil
	case wipe.Relinquish:
		if o == device.Company {
			return wipe.OfRelinquish(), nil
		}
	case wipe.WholeDevice:
		mode := device.FullyManaged
		if personal {
			mode = device.WorkProfile
		}
		if s, ok := wipe.OfWholeDevice(o, mode); ok {
			return s, nil
		}
	}
	return wipe.Scope{}, fault.New(fault.Internal, "", "there is no scope %q for a device of ownership %q", kind, o)
}

func toOrders(rows []orderRow) ([]wipe.Order, error) {
	orders := make([]wipe.Order, 0, len(rows))
	for _, r := range rows {
		o, err := r.order()
		if err != nil {
			return nil, err
		}
		orders = append(orders, o)
	}
	return orders, nil
}

// join writes package names, which hold no space, as one text.
func join(packages []string) string { return strings.Join(packages, " ") }

// split is the way back; no names give nil.
func split(packages string) []string {
	if packages == "" {
		return nil
	}
	return strings.Split(packages, " ")
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// filled gives nil for no text.
func filled(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// text is the way back.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
