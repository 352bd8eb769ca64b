package accessdb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// sampleForm is a kind of decisions, with the last one's person and facts.
type sampleForm struct {
	Kind     kindForm  `json:"kind"`
	Groups   []string  `json:"groups,omitempty"`
	Roles    []string  `json:"roles,omitempty"`
	Disabled bool      `json:"disabled,omitempty"`
	Version  uint64    `json:"person_version,omitempty"`
	Facts    factsForm `json:"facts,omitzero"`
}

// kindForm tells kinds apart.
type kindForm struct {
	Person       string       `json:"person,omitempty"`
	Device       device.ID    `json:"device,omitempty"`
	Registration device.ID    `json:"registration,omitempty"`
	App          string       `json:"app,omitempty"`
	Action       int          `json:"action,omitempty"`
	Client       int          `json:"client,omitempty"`
	Platform     int          `json:"platform,omitempty"`
	Network      netip.Prefix `json:"network"`
	Country      string       `json:"country,omitempty"`
	SignInRisk   int          `json:"sign_in_risk,omitempty"`
	UserRisk     int          `json:"user_risk,omitempty"`
	Flow         int          `json:"flow,omitempty"`
	MFA          bool         `json:"mfa,omitempty"`
	Bound        bool         `json:"bound,omitempty"`
}

func toKindForm(s access.Sample) kindForm {
	in := s.SignIn
	k := kindForm{
		Person: in.Person.Name, App: in.App, Action: number(in.Action), Client: number(in.Client), Platform: number(in.Platform),
		Network: s.Network, Country: in.Country, SignInRisk: number(in.SignInRisk), UserRisk: number(in.UserRisk),
		Flow: number(in.Flow), MFA: in.MFA, Bound: in.CertificateBound,
	}
	if s.Facts.Device != nil {
		k.Device = s.Facts.Device.ID
	}
	if s.Facts.Registration != nil {
		k.Registration = s.Facts.Registration.ID
	}
	return k
}

func (f sampleForm) sample() access.Sample {
	k := f.Kind
	return access.Sample{
		SignIn: access.SignIn{
			Person: access.Person{Name: k.Person, Groups: f.Groups, Roles: f.Roles, Disabled: f.Disabled, Version: f.Version}, App: k.App,
			Action: named[access.Action](k.Action), Client: named[access.ClientApp](k.Client),
			Platform: named[access.Platform](k.Platform), Country: k.Country,
			SignInRisk: named[access.Risk](k.SignInRisk), UserRisk: named[access.Risk](k.UserRisk),
			Flow: named[access.Flow](k.Flow), MFA: k.MFA, CertificateBound: k.Bound,
		},
		Network: k.Network, Facts: f.Facts.facts(),
	}
}

// sampleRow is one kind, as it is to be stored.
type sampleRow struct {
	digest  []byte
	content string
	sample  access.Sample
}

// rowsOf gives rows in the order in which all servers write them, so that none
// waits for another that waits for it. A sample that is too long counts as lost.
func rowsOf(samples []access.Sample) (rows []sampleRow, lost uint64) {
	for _, s := range samples {
		kind := toKindForm(s)
		key, err := encode(kind, maxFacts)
		if err != nil {
			lost += s.Count
			continue
		}
		p := s.SignIn.Person
		content, err := encode(sampleForm{kind, p.Groups, p.Roles, p.Disabled, p.Version, toFactsForm(s.Facts)}, maxFacts)
		if err != nil {
			lost += s.Count
			continue
		}
		digest := sha256.Sum256([]byte(key))
		rows = append(rows, sampleRow{digest[:], content, s})
	}
	slices.SortFunc(rows, func(a, b sampleRow) int { return bytes.Compare(a.digest, b.digest) })
	return rows, lost
}

// addSampleSQL counts on. What was decided last stays, whoever stores it first.
const (
	addSampleSQL = `UPDATE access_samples SET decided = decided + ?,
content = CASE WHEN ? >= last_at THEN ? ELSE content END,
first_at = CASE WHEN ? < first_at THEN ? ELSE first_at END,
last_at = CASE WHEN ? > last_at THEN ? ELSE last_at END
WHERE digest = ?`
	putSampleSQL = `INSERT INTO access_samples (digest, content, decided, first_at, last_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (digest) DO NOTHING`
)

// SaveSamples implements [access.Samples].
func (s *Store) SaveSamples(ctx context.Context, samples []access.Sample, lost uint64, most int) error {
	rows, unfit := rowsOf(samples)
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var there int
		if err := tx.QueryRow("SELECT COUNT(*) FROM access_samples", nil, &there); err != nil {
			return err
		}
		lost := lost + unfit
		for _, r := range rows {
			switch known, err := addSample(tx, r); {
			case err != nil:
				return err
			case known:
			case there >= most:
				lost += r.sample.Count
			default:
				there++
				if err := putSample(tx, r); err != nil {
					return err
				}
			}
		}
		if lost == 0 {
			return nil
		}
		_, err := tx.Exec("UPDATE access_samples_lost SET lost = lost + ?", storable(lost))
		return err
	})
}

func addSample(tx *sqldb.Tx, r sampleRow) (known bool, err error) {
	first, last := sqldb.Micros(r.sample.FirstAt), sqldb.Micros(r.sample.LastAt)
	n, err := tx.Exec(addSampleSQL, storable(r.sample.Count), last, r.content, first, first, last, last, r.digest)
	return n > 0, err
}

// putSample adds a kind. If another server was faster, it is counted on.
func putSample(tx *sqldb.Tx, r sampleRow) error {
	n, err := tx.Exec(putSampleSQL, r.digest, r.content, storable(r.sample.Count),
		sqldb.Micros(r.sample.FirstAt), sqldb.Micros(r.sample.LastAt))
	if err == nil && n == 0 {
		_, err = addSample(tx, r)
	}
	return err
}

// pageOfSamples is how many are read at once.
const pageOfSamples = 500

const samplesSQL = `SELECT digest, content, decided, first_at, last_at FROM access_samples
WHERE last_at >= ? AND digest > ? ORDER BY digest LIMIT ?`

// EachSample implements [access.Samples].
func (s *Store) EachSample(ctx context.Context, since time.Time, take func(access.Sample) error) error {
	var (
		digest      []byte
		content     string
		decided     uint64
		first, last int64
	)
	from, after := since.UnixMicro(), []byte{}
	if since.IsZero() {
		from = 0
	}
	for {
		var page []access.Sample
		err := s.db.QueryRows(ctx, samplesSQL, []any{from, after, pageOfSamples}, []any{&digest, &content, &decided, &first, &last}, func() error {
			form, err := decode[sampleForm](content, maxFacts)
			if err != nil {
				return damaged(err, "sample %x", digest)
			}
			sample := form.sample()
			sample.Count, sample.FirstAt, sample.LastAt = decided, sqldb.FromMicros(first), sqldb.FromMicros(last)
			page, after = append(page, sample), bytes.Clone(digest)
			return nil
		})
		if err != nil {
			return err
		}
		for _, sample := range page {
			if err := take(sample); err != nil {
				return err
			}
		}
		if len(page) < pageOfSamples {
			return nil
		}
	}
}

// LostSamples implements [access.Samples].
func (s *Store) LostSamples(ctx context.Context) (uint64, error) {
	var lost uint64
	err := s.db.QueryRow(ctx, "SELECT lost FROM access_samples_lost", nil, &lost)
	return lost, err
}

// ForgetSamples implements [access.Samples].
func (s *Store) ForgetSamples(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.forget(ctx, `DELETE FROM access_samples WHERE digest IN
(SELECT digest FROM access_samples WHERE last_at < ? ORDER BY digest LIMIT ?)`, before, limit)
}

func (s *Store) forget(ctx context.Context, text string, before time.Time, limit int) (int, error) {
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = tx.Exec(text, sqldb.Micros(before), limit)
		return err
	})
	return int(n), err
}
