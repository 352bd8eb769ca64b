package appprotect

import (
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
)

// Registration is the work account of one person in one app on one phone. The
// person, the device tag and the package name it for ever; each time the app
// registers again it is the next epoch of the same registration. Times are UTC
// in whole microseconds; a zero time means "not yet".
type Registration struct {
	ID    device.ID
	Epoch device.Epoch
	// Person is who has signed in, Tag groups the registrations of one phone.
	Person Person
	Tag    string
	// Package and SignerSHA256 are the app's own word: see Register.
	Package      string
	SignerSHA256 string
	Level        apprules.Level
	AppVersion   string
	SDKVersion   string
	RegisteredAt time.Time
	// CreatedAt is when the first epoch was opened, and the place in listings. The
	// store takes it from that epoch's RegisteredAt: it need not be given.
	CreatedAt time.Time
	// RequestDigest is of the Register that opened the epoch: the same one again
	// is given the same answer.
	RequestDigest Digest
	// End is how the epoch ended; nil while it lasts.
	End *End
	// Version grows by one with each change and guards it.
	Version uint64
}

// Lasts reports whether the epoch has not ended.
func (r *Registration) Lasts() bool { return r.End == nil }

// Person is one account of one issuer.
type Person struct {
	// Issuer and Subject are the provider's; Subject is unique there.
	Issuer, Subject string
	// Name is what policies and administrators call the person, in lower case.
	Name string
	// Groups are those that the provider named at sign-in. Where the directory
	// knows the person, its groups count in place of these.
	Groups []string
}

// End is how an epoch ended.
type End struct {
	At  time.Time
	Why EndReason
	// Detail is for the record: an administrator's words, or nothing.
	Detail string
	// SelfWipe is what the app has signed, where it wiped the account by itself.
	SelfWipe *SelfWipe
}

// EndReason is why an epoch ended. They are stored.
type EndReason string

// The reasons.
const (
	EndSignedOut  EndReason = "signed-out"
	EndSelfWiped  EndReason = "self-wiped"
	EndWiped      EndReason = "wiped"
	EndRegistered EndReason = "registered-again"
	EndRetired    EndReason = "retired"
)

// SelfWipe is what an app says of a wipe it made by itself, as it was signed.
type SelfWipe struct {
	// ID and Epoch are whose account it was, as the content says.
	ID             device.ID
	Epoch          device.Epoch
	Cause          SelfWipeCause
	LeaseNumber    uint64
	PolicyRevision string
	FinishedAt     time.Time
	Files, Bytes   uint64
	// Content and Signature are as they came; Chain is the certificate that the
	// signature was verified under, and its authority, DER.
	Content, Signature []byte
	Chain              [][]byte
}

// SelfWipeCause is why an app wipes by itself. They are stored.
type SelfWipeCause string

// The causes.
const (
	SelfWipeLease SelfWipeCause = "lease"
	SelfWipePIN   SelfWipeCause = "pin"
)

// Certificate is one that was issued to an epoch.
type Certificate struct {
	Serial    string
	ID        device.ID
	Epoch     device.Epoch
	Key       Digest // of the SubjectPublicKeyInfo
	Chain     [][]byte
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// State is what is known of how an epoch goes: its last report and the verdict on
// it. It is the hot row: one write a check-in.
type State struct {
	ID    device.ID
	Epoch device.Epoch
	// Number is of the last report that was heard, ReportDigest of its content.
	Number       uint64
	ReportDigest Digest
	// Report is the last one; nil before the first.
	Report *apprules.Report
	// HeardAt is when it was heard.
	HeardAt time.Time
	// Verdict is as last judged, on the policy of revision Intended.
	Verdict  apprules.Verdict
	Intended string
	// Generation is that of the policies it was judged on.
	Generation uint64
	// Version guards it.
	Version uint64
}

// Digest is a SHA-256.
type Digest [32]byte

// Challenge is what one Register may use, once.
type Challenge struct {
	// Hash is the SHA-256 of it; the server keeps no challenge itself.
	Hash      Digest
	Package   string
	ExpiresAt time.Time
}

// KnownApp is what is known of an app: the groups it is in, and what it can be told.
type KnownApp struct {
	Package      string
	Title        string
	SignerSHA256 []string
	Groups       []string
	Schema       *apprules.Schema
	Version      uint64
	ChangedAt    time.Time
	ChangedBy    string
}
