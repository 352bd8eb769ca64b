package wipedb

import (
	"encoding/json"
	"strings"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// requestRow is one row of wipe_requests. Times are unix microseconds, UTC;
// spans are nanoseconds.
type requestRow struct {
	ID            string `gorm:"column:id;primaryKey"`
	Kind          string `gorm:"column:kind"`
	State         string `gorm:"column:state"`
	Actor         string `gorm:"column:actor"`
	RequestKey    string `gorm:"column:request_key"`
	RequestDigest string `gorm:"column:request_digest"`
	Reason        string `gorm:"column:reason"`
	Person        string `gorm:"column:person"`
	Role          string `gorm:"column:role"`
	Credential    string `gorm:"column:credential"`
	CredentialAt  *int64 `gorm:"column:credential_at"`
	CreatedAt     int64  `gorm:"column:created_at;autoCreateTime:false"`
	Needs         string `gorm:"column:needs"`
	ExpiresAt     *int64 `gorm:"column:expires_at"`
	Outcome       string `gorm:"column:outcome"`
	Version       int64  `gorm:"column:version"`

	DecidedBy         *string `gorm:"column:decided_by"`
	DecidedPerson     *string `gorm:"column:decided_person"`
	DecidedCredential *string `gorm:"column:decided_credential"`
	DecidedAt         *int64  `gorm:"column:decided_at"`
	DecidedWords      *string `gorm:"column:decided_words"`

	Scope        *string `gorm:"column:scope"`
	Packages     *string `gorm:"column:packages"`
	PersonalSide *int64  `gorm:"column:personal_side"`
	DeviceCount  int64   `gorm:"column:device_count"`
	Lifetime     *int64  `gorm:"column:lifetime"`
	Plan         *string `gorm:"column:plan"`
	HeldUntil    *int64  `gorm:"column:held_until"`
	UserName     *string `gorm:"column:user_name"`
	LiftedAt     *int64  `gorm:"column:lifted_at"`

	Limits     *string `gorm:"column:limits"`
	LeaseGroup *string `gorm:"column:lease_group"`
	LeaseLock  *int64  `gorm:"column:lease_lock"`
	LeaseWipe  *int64  `gorm:"column:lease_wipe"`
}

// TableName names the table for gorm.
func (requestRow) TableName() string { return "wipe_requests" }

// deciding names the columns that a request's life changes. A trigger keeps the
// others as they are.
var deciding = []string{
	"state", "outcome", "version", "held_until", "lifted_at",
	"decided_by", "decided_person", "decided_credential", "decided_at", "decided_words",
}

// partRow is one row of wipe_request_devices.
type partRow struct {
	RequestID string `gorm:"column:request_id;primaryKey"`
	Position  int64  `gorm:"column:position;primaryKey;autoIncrement:false"`
	DeviceID  string `gorm:"column:device_id"`
	Epoch     int64  `gorm:"column:epoch"`
}

// TableName names the table for gorm.
func (partRow) TableName() string { return "wipe_request_devices" }

// groupRow is one row of wipe_request_groups.
type groupRow struct {
	RequestID string `gorm:"column:request_id;primaryKey"`
	GroupName string `gorm:"column:group_name;primaryKey"`
}

// TableName names the table for gorm.
func (groupRow) TableName() string { return "wipe_request_groups" }

func toRequestRow(r wipe.Request) (requestRow, error) {
	row := requestRow{
		ID: string(r.ID), Kind: string(r.Kind), State: string(r.State),
		Actor: r.By.Actor, RequestKey: r.Key, RequestDigest: r.Digest, Reason: r.Reason,
		Person: r.By.Person, Role: string(r.By.Role), Credential: r.By.Credential, CredentialAt: sqldb.NullMicros(r.By.Since),
		CreatedAt: r.CreatedAt.UnixMicro(), Needs: strings.Join(r.Needs, "\n"), ExpiresAt: sqldb.NullMicros(r.ExpiresAt),
		Outcome: r.Outcome, Version: int64(r.Version), DeviceCount: int64(len(r.Devices)),
		HeldUntil: sqldb.NullMicros(r.HeldUntil), UserName: filled(r.User), LiftedAt: sqldb.NullMicros(r.LiftedAt),
	}
	if d := r.Decided; d != (wipe.Decision{}) {
		row.DecidedBy, row.DecidedPerson, row.DecidedCredential = &d.By, &d.Person, &d.Credential
		row.DecidedAt, row.DecidedWords = sqldb.NullMicros(d.At), &d.Words
	}
	if k := r.Scope.Kind(); k != "" {
		row.Scope, row.Packages = new(string(k)), new(join(r.Scope.Packages()))
		row.PersonalSide, row.Lifetime, row.Plan = new(bit(r.Scope.PersonalSide())), new(int64(r.Lifetime)), &r.Plan
	}
	if l := r.Lease; l != nil {
		row.LeaseGroup, row.LeaseLock, row.LeaseWipe = &l.Group, new(int64(l.Lock)), new(int64(l.Wipe))
	}
	if r.Limits != nil {
		asked, err := json.Marshal(toLimitsRow(*r.Limits))
		if err != nil {
			return requestRow{}, err
		}
		row.Limits = new(string(asked))
	}
	return row, nil
}

// request gives the request in the row with as many devices as it has, which
// have yet to be read, as have its groups.
func (r requestRow) request() (wipe.Request, error) {
	w := wipe.Request{
		ID: wipe.RequestID(r.ID), Kind: wipe.RequestKind(r.Kind), State: wipe.RequestState(r.State),
		Key: r.RequestKey, Digest: r.RequestDigest, Reason: r.Reason,
		By: wipe.Asker{
			Actor: r.Actor, Person: r.Person, Credential: r.Credential, Since: sqldb.FromNullMicros(r.CredentialAt),
		},
		CreatedAt: sqldb.FromMicros(r.CreatedAt), ExpiresAt: sqldb.FromNullMicros(r.ExpiresAt), Outcome: r.Outcome, Version: uint64(r.Version),
		HeldUntil: sqldb.FromNullMicros(r.HeldUntil), User: text(r.UserName), LiftedAt: sqldb.FromNullMicros(r.LiftedAt), Plan: text(r.Plan),
		Decided: wipe.Decision{
			By: text(r.DecidedBy), Person: text(r.DecidedPerson), Credential: text(r.DecidedCredential),
			At: sqldb.FromNullMicros(r.DecidedAt), Words: text(r.DecidedWords),
		},
	}
	setText(&w.By.Role, r.Role)
	if r.Needs != "" {
		w.Needs = strings.Split(r.Needs, "\n")
	}
	if r.DeviceCount > 0 {
		w.Devices = make([]wipe.Enrollment, r.DeviceCount)
	}
	err := r.asked(&w)
	return w, err
}

// asked adds what belongs to the request's kind.
func (r requestRow) asked(w *wipe.Request) (err error) {
	defer func() {
		if err != nil {
			err = fault.New(fault.Internal, "", "wipe request %q is damaged", r.ID).WithCause(err)
		}
	}()
	if r.Scope != nil {
		// Who may have it is for each device to say.
		w.Scope, err = toScope(*r.Scope, text(r.Packages), whole(r.PersonalSide) != 0, device.Company)
		w.Lifetime = time.Duration(whole(r.Lifetime))
	}
	if r.LeaseGroup != nil {
		w.Lease = &wipe.GroupLease{Group: *r.LeaseGroup, Lease: wipe.Lease{
			Lock: time.Duration(whole(r.LeaseLock)), Wipe: time.Duration(whole(r.LeaseWipe)),
		}}
	}
	if r.Limits != nil {
		var asked limitsRow
		err = json.Unmarshal([]byte(*r.Limits), &asked)
		w.Limits = new(asked.limits())
	}
	return err
}

// setText sets a word whose type this package need not know.
func setText[T ~string](word *T, to string) { *word = T(to) }

// whole gives 0 for none.
func whole(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
