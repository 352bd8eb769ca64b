package compliance

import (
	"context"
	"crypto/x509"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// Marks say how far what is asked of devices has come.
type Marks struct {
	// Generation counts the policy changes ever made.
	Generation uint64
	// Recalls counts the recalls ever made.
	Recalls uint64
}

// Policies keeps policies. Errors are faults.
type Policies interface {
	// Marks gives the marks, in one look.
	Marks(ctx context.Context) (Marks, error)

	// Live gives every policy that is not deleted, at its latest revision, by
	// name, and a generation that is not newer than they are.
	Live(ctx context.Context) ([]Policy, uint64, error)

	// Policy gives one revision, or with revision 0 the latest, whether the
	// policy is deleted or not. NotFound where there is none.
	Policy(ctx context.Context, name string, revision uint64) (p Policy, deleted bool, err error)

	// LivePage gives up to limit live policies at their latest revisions, by name,
	// starting after a name.
	LivePage(ctx context.Context, after string, limit int) ([]Policy, error)

	// Add stores p as the revision that follows the latest, p.Revision-1 (0:
	// there was never one), makes the policy live and raises the generation.
	// ErrRevisionMoved where the latest is another.
	Add(ctx context.Context, p Policy, e audit.Entry) error

	// Delete takes a live policy away if its latest revision is the given one
	// and raises the generation; its revisions stay. ErrRevisionMoved where it
	// is another or the policy is not live.
	Delete(ctx context.Context, name string, revision uint64, e audit.Entry) error
}

// State is what is stored of one device: its last report and the verdict on
// it. The zero value but Device is a device that was never heard of.
type State struct {
	Device device.ID
	Epoch  device.Epoch
	// Version counts the writes; 0 is not stored yet.
	Version uint64
	// Generation is the one of the policies that Verdict was given by.
	Generation uint64
	Report     Report
	Verdict    Verdict
	// Group is the device's in this epoch.
	Group string
	// RetireAt is when certificates end that the manifest does not ask for, if
	// the device has not applied it by then; zero where nothing waits for that.
	RetireAt time.Time
}

// Write is a state to store, with what explains the change: an entry for each
// change of standing. A report is its own record.
type Write struct {
	// State.Version is the version the change was made from.
	State   State
	Entries []audit.Entry
	// Retirement revokes certificates of the device's epoch with it, each with
	// its entry; nil for none.
	Retirement *Retirement
}

// Due asks for devices that something may have happened to without a report.
type Due struct {
	// Until is the time by which the verdict was to change, or certificates were
	// to end.
	Until time.Time
	// Generation: or the verdict was given by policies older than this.
	Generation uint64
	// After is the device to start behind; Limit how many to give.
	After device.ID
	Limit int
}

// Reports keeps the last report and verdict of each device. Errors are faults.
type Reports interface {
	// State gives the stored state (Version 0 where there is none) and the
	// marks, in one look.
	State(ctx context.Context, id device.ID) (State, Marks, error)

	// Save stores a state if the stored version is still the one it was made
	// from; a report of the same epoch that is older than the stored one, or
	// one of an older epoch, is never stored. False, and nothing changed,
	// where that is not so.
	Save(ctx context.Context, w Write) (bool, error)

	// SaveAll does so for many, each on its own, in one transaction.
	SaveAll(ctx context.Context, writes []Write) ([]bool, error)

	// Due gives devices that are due, by id, and those whose report is of an
	// epoch that has ended: one that came in while it did.
	Due(ctx context.Context, d Due) ([]device.ID, error)

	// Forget drops the state of a device if it is of this epoch or an older
	// one.
	Forget(ctx context.Context, id device.ID, epoch device.Epoch) error

	// WorkApps gives the work apps of the last report of each device that has
	// one, in few queries however many they are.
	WorkApps(ctx context.Context, ids []device.ID) (map[device.ID][]WorkApp, error)

	// Standings gives the stored standings of those devices that have one, by
	// id. With groups that is not nil: of those in one of them.
	Standings(ctx context.Context, ids []device.ID, groups []string) ([]DeviceStanding, error)
}

// DeviceStanding is the verdict on one device in one word.
type DeviceStanding struct {
	Device   device.ID
	Standing Standing
	// Since is since when it holds.
	Since time.Time
}

// CertificateQuery asks for one page of certificates, newest first.
type CertificateQuery struct {
	// Device is whose; "" for every device's.
	Device device.ID
	// Groups, where it is not nil, keeps to enrolments that last in one of them.
	Groups []string
	// Before is the sequence number to start behind; 0 begins with the newest.
	Before uint64
	Limit  int
}

// Recalls keeps the recalls of enrolments that last. Errors are faults.
type Recalls interface {
	// Recalls gives those with a greater number than last, by number. Whoever has
	// seen a number sees every smaller one.
	Recalls(ctx context.Context, last uint64) ([]Recall, error)
}

// Certificates keeps the client certificates that were issued. Errors are
// faults.
type Certificates interface {
	Recalls

	// Latest gives the last certificate issued for a key, or, where one for it
	// was recalled, that one. NotFound where there is none.
	Latest(ctx context.Context, k CertificateKey) (Certificate, error)

	// Record stores a certificate as the next one of its key. Conflict where
	// its ordinal is taken; ErrEnrollmentEnded where the epoch has ended;
	// ErrTooManyCertificates where MaxLiveCertificates of the alias neither are
	// revoked nor had expired when it was made.
	Record(ctx context.Context, c Certificate, e audit.Entry) error

	// Certificate gives one by its serial number. NotFound where there is none.
	Certificate(ctx context.Context, serial string) (Certificate, error)

	// Issued gives a page of certificates.
	Issued(ctx context.Context, q CertificateQuery) ([]Certificate, error)

	// Revoke revokes a certificate, recalls it, makes its device due (see
	// Reports.Due) and gives it. One that is revoked already stays as it is and
	// nothing is recorded. NotFound where there is none.
	Revoke(ctx context.Context, serial string, r Revocation, e audit.Entry) (Certificate, error)

	// EndEpoch revokes every certificate of a device's epochs up to this one,
	// drops its report and its recalls, and sees to it that Record takes no more
	// of them. The second time it changes and records nothing.
	EndEpoch(ctx context.Context, id device.ID, epoch device.Epoch, r Revocation, e audit.Entry) error

	// Erase drops the report of a device's epochs up to this one, and takes from
	// their certificates the subject, the chain, the digest of the profile and
	// the reason of the revocation. Where there is nothing to take it changes and
	// records nothing. Conflict where the epoch has not ended.
	Erase(ctx context.Context, id device.ID, epoch device.Epoch, e audit.Entry) error
}

// Revocations keeps the revocation list. Errors are faults.
type Revocations interface {
	// ListInfo gives what is known of the last list (Number 0: there is none)
	// and how many revocations there ever were.
	ListInfo(ctx context.Context) (info ListInfo, revocations uint64, err error)

	// ListDER gives a list by its number. NotFound where it is not the last.
	ListDER(ctx context.Context, number uint64) ([]byte, error)

	// Revoked gives the revoked certificates that expire after a time, by
	// sequence number.
	Revoked(ctx context.Context, expiringAfter time.Time) ([]Revoked, error)

	// SaveList stores the list that follows the last, info.Number-1. Conflict
	// where the last is another.
	SaveList(ctx context.Context, info ListInfo, der []byte) error
}

// Devices says what devices are.
type Devices interface {
	// Facts gives what is known of a device. NotFound where there is none.
	Facts(ctx context.Context, id device.ID) (Device, error)
}

// Authority issues the certificates that policies ask for. What it refuses of
// a request is an Invalid fault on certificate_request.
type Authority interface {
	// ParseCSR reads a certificate request and checks its signature and key.
	ParseCSR(der []byte) (*x509.CertificateRequest, error)
	// IssueProfile makes a certificate with a new serial number.
	IssueProfile(t CertificateTemplate) (IssuedCertificate, error)
	// CRL signs a revocation list.
	CRL(l RevocationList) ([]byte, error)
}

// Bell wakes the open streams of devices.
type Bell interface {
	Ring(id device.ID)
	RingAll()
}
