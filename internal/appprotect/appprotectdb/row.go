package appprotectdb

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// registrationRow is a registration in one of its epochs.
type registrationRow struct {
	id, issuer, subject, name, tag, pkg, groups string
	version, epoch                              uint64
	signer, appVersion, sdkVersion              string
	level                                       uint8
	request                                     []byte
	createdAt, registeredAt                     int64

	endedAt                               *int64
	endWhy, endDetail                     *string
	wipeCause, wipePolicy                 *string
	wipeLease, wipeFiles, wipeBytes       *uint64
	wipeFinishedAt                        *int64
	wipeContent, wipeSignature, wipeChain []byte
}

const registrationColumns = `r.id, r.issuer, r.subject, p.name, r.tag, r.package, r.person_groups, r.version, r.created_at,
	e.epoch, e.request_digest, e.signer_sha256, e.level, e.app_version, e.sdk_version, e.registered_at,
	e.ended_at, e.end_why, e.end_detail, e.wipe_cause, e.wipe_lease, e.wipe_policy, e.wipe_finished_at,
	e.wipe_files, e.wipe_bytes, e.wipe_content, e.wipe_signature, e.wipe_chain`

// registrationTables has registrations r, people p and epochs e. Which epoch is
// for the condition to say.
const registrationTables = `appprotect_registrations AS r
JOIN appprotect_people AS p ON p.issuer = r.issuer AND p.subject = r.subject
JOIN appprotect_epochs AS e ON e.registration_id = r.id`

// registrationSQL is every registration in its latest epoch; more conditions
// follow.
const registrationSQL = "SELECT " + registrationColumns + " FROM " + registrationTables + " WHERE e.epoch = r.epoch "

func (r *registrationRow) scan() []any {
	return []any{
		&r.id, &r.issuer, &r.subject, &r.name, &r.tag, &r.pkg, &r.groups, &r.version, &r.createdAt,
		&r.epoch, &r.request, &r.signer, &r.level, &r.appVersion, &r.sdkVersion, &r.registeredAt,
		&r.endedAt, &r.endWhy, &r.endDetail, &r.wipeCause, &r.wipeLease, &r.wipePolicy, &r.wipeFinishedAt,
		&r.wipeFiles, &r.wipeBytes, &r.wipeContent, &r.wipeSignature, &r.wipeChain,
	}
}

func (r *registrationRow) registration() (appprotect.Registration, error) {
	groups, err := unmarshal[[]string](r.groups, maxGroups)
	if err != nil {
		return appprotect.Registration{}, damaged(err, "registration %s", r.id)
	}
	end, err := r.end()
	if err != nil {
		return appprotect.Registration{}, damaged(err, "end of epoch %d of registration %s", r.epoch, r.id)
	}
	return appprotect.Registration{
		ID: device.ID(r.id), Epoch: device.Epoch(r.epoch), Version: r.version,
		Person: appprotect.Person{Issuer: r.issuer, Subject: r.subject, Name: r.name, Groups: groups},
		Tag:    r.tag, Package: r.pkg, SignerSHA256: r.signer, Level: apprules.Level(r.level),
		AppVersion: r.appVersion, SDKVersion: r.sdkVersion,
		RegisteredAt: sqldb.FromMicros(r.registeredAt), CreatedAt: sqldb.FromMicros(r.createdAt), RequestDigest: digest(r.request), End: end,
	}, nil
}

// end reads how the epoch ended. The schema sees to it that all of a wipe is
// there, or nothing.
func (r *registrationRow) end() (*appprotect.End, error) {
	if r.endedAt == nil {
		return nil, nil
	}
	end := &appprotect.End{At: sqldb.FromMicros(*r.endedAt), Why: appprotect.EndReason(*r.endWhy), Detail: *r.endDetail}
	if r.wipeCause == nil {
		return end, nil
	}
	chain, err := splitChain(r.wipeChain)
	end.SelfWipe = &appprotect.SelfWipe{
		ID: device.ID(r.id), Epoch: device.Epoch(r.epoch),
		Cause: appprotect.SelfWipeCause(*r.wipeCause), LeaseNumber: *r.wipeLease, PolicyRevision: *r.wipePolicy,
		FinishedAt: sqldb.FromMicros(*r.wipeFinishedAt), Files: *r.wipeFiles, Bytes: *r.wipeBytes,
		Content: r.wipeContent, Signature: r.wipeSignature, Chain: chain,
	}
	return end, err
}

// endSQL ends an epoch that lasts.
const endSQL = `UPDATE appprotect_epochs SET
ended_at = ?, end_why = ?, end_detail = ?, wipe_cause = ?, wipe_lease = ?, wipe_policy = ?, wipe_finished_at = ?,
wipe_files = ?, wipe_bytes = ?, wipe_content = ?, wipe_signature = ?, wipe_chain = ?
WHERE registration_id = ? AND epoch = ? AND ended_at IS NULL`

// endArgs refuses what a stranger has counted beyond all bounds.
func endArgs(id device.ID, epoch device.Epoch, end appprotect.End) ([]any, error) {
	args := []any{sqldb.Micros(end.At), string(end.Why), end.Detail}
	if w := end.SelfWipe; w != nil {
		if max(w.LeaseNumber, w.Files, w.Bytes) > math.MaxInt64 {
			return nil, fault.InvalidField("self_wipe", "has a number that is too great")
		}
		args = append(args, string(w.Cause), int64(w.LeaseNumber), w.PolicyRevision, sqldb.Micros(w.FinishedAt),
			int64(w.Files), int64(w.Bytes), w.Content, w.Signature, joinChain(w.Chain))
	} else {
		args = append(args, nil, nil, nil, nil, nil, nil, nil, nil, nil)
	}
	return append(args, string(id), int64(epoch)), nil
}

// certificateRow is one certificate.
type certificateRow struct {
	serial, id          string
	epoch               uint64
	key, chain          []byte
	issuedAt, expiresAt int64
}

const certificateColumns = "c.serial, c.registration_id, c.epoch, c.key_digest, c.chain, c.issued_at, c.expires_at"

func (r *certificateRow) scan() []any {
	return []any{&r.serial, &r.id, &r.epoch, &r.key, &r.chain, &r.issuedAt, &r.expiresAt}
}

func (r *certificateRow) certificate() (appprotect.Certificate, error) {
	chain, err := splitChain(r.chain)
	if err != nil {
		return appprotect.Certificate{}, damaged(err, "certificate %s", r.serial)
	}
	return appprotect.Certificate{
		Serial: r.serial, ID: device.ID(r.id), Epoch: device.Epoch(r.epoch), Key: digest(r.key),
		Chain: chain, IssuedAt: sqldb.FromMicros(r.issuedAt), ExpiresAt: sqldb.FromMicros(r.expiresAt),
	}, nil
}

// joinChain writes certificates one after the other: DER says where each ends.
func joinChain(chain [][]byte) []byte { return bytes.Join(chain, nil) }

func splitChain(b []byte) ([][]byte, error) {
	var chain [][]byte
	for len(b) > 0 {
		var certificate asn1.RawValue
		rest, err := asn1.Unmarshal(b, &certificate)
		if err != nil {
			return nil, fmt.Errorf("read a certificate chain: %w", err)
		}
		chain = append(chain, certificate.FullBytes)
		b = rest
	}
	return chain, nil
}
