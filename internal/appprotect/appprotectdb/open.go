package appprotectdb

import (
	"context"

	"ringfence/internal/appprotect"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// Open implements [appprotect.Registrations]. The challenge comes first: whoever
// comes with a used one learns nothing else.
func (s *Store) Open(ctx context.Context, o appprotect.Opening) error {
	groups, err := marshal(o.Registration.Person.Groups, maxGroups)
	if err != nil {
		return err
	}
	return moved(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := useChallenge(tx, o); err != nil {
			return err
		}
		if err := putPerson(tx, o.Registration.Person); err != nil {
			return err
		}
		if err := putRegistration(tx, o, groups); err != nil {
			return err
		}
		if err := putEpoch(tx, o.Registration); err != nil {
			return err
		}
		if fresh, err := putKey(tx, o.Certificate); err != nil || !fresh {
			return orKeyReused(err)
		}
		if err := putCertificate(tx, o.Certificate, 1); err != nil {
			return err
		}
		if o.Displaced != nil {
			if err := tx.Record(*o.Displaced); err != nil {
				return err
			}
		}
		return tx.Record(o.Entry)
	}))
}

// useChallenge takes a challenge away: of two who come with it, one finds it.
func useChallenge(tx *sqldb.Tx, o appprotect.Opening) error {
	n, err := tx.Exec("DELETE FROM appprotect_challenges WHERE hash = ? AND package = ? AND expires_at >= ?",
		o.Challenge[:], o.Registration.Package, sqldb.Micros(o.Registration.RegisteredAt))
	if err == nil && n != 1 {
		return appprotect.ErrChallenge
	}
	return err
}

// putPerson sees whose the name is, and makes it the person's.
func putPerson(tx *sqldb.Tx, p appprotect.Person) error {
	n, err := tx.Exec("INSERT INTO appprotect_names (name, issuer, subject) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
		p.Name, p.Issuer, p.Subject)
	if err != nil {
		return err
	}
	if n == 0 {
		var issuer, subject string
		err := tx.QueryRow("SELECT issuer, subject FROM appprotect_names WHERE name = ?", []any{p.Name}, &issuer, &subject)
		if err != nil {
			return err
		}
		if issuer != p.Issuer || subject != p.Subject {
			return appprotect.ErrNameTaken
		}
	}
	_, err = tx.Exec(`INSERT INTO appprotect_people AS old (issuer, subject, name) VALUES (?, ?, ?)
ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name WHERE old.name <> excluded.name`, p.Issuer, p.Subject, p.Name)
	return err
}

const (
	insertRegistrationSQL = `INSERT INTO appprotect_registrations
(version, epoch, person_groups, id, issuer, subject, tag, package, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	reopenRegistrationSQL = `UPDATE appprotect_registrations SET version = ?, epoch = ?, person_groups = ?
WHERE id = ? AND issuer = ? AND subject = ? AND tag = ? AND package = ? AND version = ? AND epoch = ?`
)

// putRegistration stores the registration with its new epoch: a new one, or in
// the place of the version below, whose epoch is over by then.
func putRegistration(tx *sqldb.Tx, o appprotect.Opening, groups string) error {
	r := o.Registration
	args := []any{
		int64(r.Version), int64(r.Epoch), groups,
		string(r.ID), r.Person.Issuer, r.Person.Subject, r.Tag, r.Package,
	}
	if r.Version == 1 {
		_, err := tx.Exec(insertRegistrationSQL, append(args, sqldb.Micros(r.RegisteredAt))...)
		return err
	}
	if err := one(tx.Exec(reopenRegistrationSQL, append(args, int64(r.Version)-1, int64(r.Epoch)-1)...)); err != nil {
		return err
	}
	if o.Displaced == nil {
		return nil // if the epoch lasts nevertheless, there is no place for the next
	}
	return endEpoch(tx, r.ID, r.Epoch-1, appprotect.End{At: r.RegisteredAt, Why: appprotect.EndRegistered})
}

// endEpoch ends an epoch that lasts. Its state goes first: from then on no
// check-in is stored for it.
func endEpoch(tx *sqldb.Tx, id device.ID, epoch device.Epoch, end appprotect.End) error {
	args, err := endArgs(id, epoch, end)
	if err != nil {
		return err
	}
	if _, err := tx.Exec("DELETE FROM appprotect_states WHERE registration_id = ? AND epoch = ?", string(id), int64(epoch)); err != nil {
		return err
	}
	return one(tx.Exec(endSQL, args...))
}

const (
	insertEpochSQL = `INSERT INTO appprotect_epochs
(registration_id, epoch, request_digest, signer_sha256, level, app_version, sdk_version, registered_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	insertStateSQL = `INSERT INTO appprotect_states
(registration_id, epoch, report_digest, version, generation, number, intended) VALUES (?, ?, ?, 0, 0, 0, '')`
)

// putEpoch stores a new epoch, and the state that nothing is known of yet.
func putEpoch(tx *sqldb.Tx, r appprotect.Registration) error {
	_, err := tx.Exec(insertEpochSQL, string(r.ID), int64(r.Epoch), r.RequestDigest[:], r.SignerSHA256, int64(r.Level),
		r.AppVersion, r.SDKVersion, sqldb.Micros(r.RegisteredAt))
	if err != nil {
		return err
	}
	_, err = tx.Exec(insertStateSQL, string(r.ID), int64(r.Epoch), make([]byte, len(appprotect.Digest{})))
	return err
}

// putKey gives a key to the epoch of its certificate, or false where it has one.
func putKey(tx *sqldb.Tx, c appprotect.Certificate) (fresh bool, err error) {
	n, err := tx.Exec("INSERT INTO appprotect_keys (digest, registration_id, epoch) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING",
		c.Key[:], string(c.ID), int64(c.Epoch))
	return n == 1, err
}

func orKeyReused(err error) error {
	if err != nil {
		return err
	}
	return appprotect.ErrKeyReused
}

func putCertificate(tx *sqldb.Tx, c appprotect.Certificate, opening int64) error {
	_, err := tx.Exec(`INSERT INTO appprotect_certificates
(serial, registration_id, epoch, key_digest, opening, chain, issued_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		c.Serial, string(c.ID), int64(c.Epoch), c.Key[:], opening, joinChain(c.Chain), sqldb.Micros(c.IssuedAt), sqldb.Micros(c.ExpiresAt))
	return err
}
