package compliance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence/internal/fault"
)

// MaxAhead is how far a device's clock may be ahead of the server's.
const MaxAhead = 5 * time.Minute

// Report is what a device says of itself.
type Report struct {
	// ObservedAt is when the device looked, by its clock.
	ObservedAt time.Time
	Posture    Posture
	// AppliedRevision is the manifest revision Results are about.
	AppliedRevision string
	Results         []SettingResult
}

// Posture is how a phone is, about its work side and its lock.
type Posture struct {
	// OSVersion is dotted numbers.
	OSVersion string
	// SecurityPatchLevel is YYYY-MM-DD, or empty.
	SecurityPatchLevel string
	// Locks holds at most one a scope, by scope.
	Locks []LockState
	// Certificates are unique by alias.
	Certificates []InstalledCertificate
	// TrustedRootSHA256 is lower-case hex, of each root installed by policy.
	TrustedRootSHA256 []string
	// VPNs are unique by name.
	VPNs []VPNState
	// WorkApps are apps of the work side only, unique by package.
	WorkApps []WorkApp
}

// WorkApp is one app of the work side.
type WorkApp struct {
	// Package is an Android package name.
	Package string
	// Version is the app's own name for it; may be empty.
	Version string
	// UnsyncedChanges counts the changes in the app that its server does not have
	// yet: what a wipe would lose.
	UnsyncedChanges uint32
}

// LockState is one screen lock.
type LockState struct {
	Scope PinScope
	// Set says whether there is a lock at all.
	Set        bool
	Quality    PinQuality
	Complexity PinComplexity
	// Length is in characters; 0 where the phone does not say.
	Length uint32
	// ChangedAt is when the secret was last changed; zero where the phone does
	// not say.
	ChangedAt time.Time
}

// InstalledCertificate is a client certificate on the phone.
type InstalledCertificate struct {
	Alias string
	// Serial is lower-case hex.
	Serial   string
	NotAfter time.Time
}

// VPNState is one VPN connection of the work side.
type VPNState struct {
	Name     string
	AlwaysOn bool
	Lockdown bool
}

// ApplyStatus is how far a device is with one setting. The numbers are stored:
// do not reorder.
type ApplyStatus uint8

// The statuses.
const (
	Applied ApplyStatus = iota + 1
	// Pending waits for something: a person, a certificate.
	Pending
	Failed
	// Unsupported: this device cannot have it.
	Unsupported
)

var applyStatusNames = [...]string{"unknown", "applied", "pending", "failed", "unsupported"}

func (s ApplyStatus) String() string { return nameOf(applyStatusNames[:], int(s)) }

// SettingResult is the device's word on one setting.
type SettingResult struct {
	// Setting is "pin.device", "pin.work_profile", "trusted_root.<name>",
	// "client_certificate.<alias>" or "vpn.<name>".
	Setting string
	Status  ApplyStatus
	// Detail says why not applied.
	Detail string
}

// Normalize gives the one form in which reports are compared and stored: lists
// sorted, times in UTC and whole microseconds. It may reorder r's own lists.
func (r Report) Normalize() Report {
	r.ObservedAt = storedTime(r.ObservedAt)
	p := &r.Posture
	for i := range p.Locks {
		p.Locks[i].ChangedAt = storedTime(p.Locks[i].ChangedAt)
	}
	for i := range p.Certificates {
		p.Certificates[i].NotAfter = storedTime(p.Certificates[i].NotAfter)
	}
	slices.SortFunc(p.Locks, func(a, b LockState) int { return cmp.Compare(a.Scope, b.Scope) })
	slices.SortFunc(p.Certificates, func(a, b InstalledCertificate) int { return strings.Compare(a.Alias, b.Alias) })
	slices.Sort(p.TrustedRootSHA256)
	slices.SortFunc(p.VPNs, func(a, b VPNState) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.WorkApps, func(a, b WorkApp) int { return strings.Compare(a.Package, b.Package) })
	slices.SortFunc(r.Results, func(a, b SettingResult) int { return strings.Compare(a.Setting, b.Setting) })
	return r
}

// SameContent reports whether two normalized reports say the same, whenever
// they were made.
func (r *Report) SameContent(o *Report) bool {
	return r.AppliedRevision == o.AppliedRevision && slices.Equal(r.Results, o.Results) && r.Posture.Equal(&o.Posture)
}

// Equal reports whether two postures of normalized reports are the same.
func (p *Posture) Equal(o *Posture) bool {
	return p.OSVersion == o.OSVersion && p.SecurityPatchLevel == o.SecurityPatchLevel &&
		slices.Equal(p.TrustedRootSHA256, o.TrustedRootSHA256) && slices.Equal(p.VPNs, o.VPNs) &&
		slices.Equal(p.WorkApps, o.WorkApps) && sameCertificates(p.Certificates, o.Certificates) &&
		slices.EqualFunc(p.Locks, o.Locks, func(a, b LockState) bool {
			same := a.ChangedAt.Equal(b.ChangedAt)
			a.ChangedAt, b.ChangedAt = time.Time{}, time.Time{}
			return same && a == b
		})
}

func sameCertificates(a, b []InstalledCertificate) bool {
	return slices.EqualFunc(a, b, func(a, b InstalledCertificate) bool {
		return a.Alias == b.Alias && a.Serial == b.Serial && a.NotAfter.Equal(b.NotAfter)
	})
}

// Validate checks a normalized report. Its error is an Invalid fault that
// names the field.
func (r *Report) Validate(now time.Time) error {
	if ahead := r.ObservedAt.Sub(now); ahead > MaxAhead {
		return fault.InvalidField("observed_at", "is %v ahead of the server's clock: check the device's clock",
			ahead.Round(time.Second))
	}
	p := &r.Posture
	if p.SecurityPatchLevel != "" {
		if _, err := time.Parse(time.DateOnly, p.SecurityPatchLevel); err != nil {
			return fault.InvalidField("posture.security_patch_level", "is not a date")
		}
	}
	for _, problem := range []error{
		once("posture.locks", p.Locks, func(l LockState) PinScope { return l.Scope }),
		once("posture.client_certificates", p.Certificates, func(c InstalledCertificate) string { return c.Alias }),
		once("posture.trusted_root_sha256", p.TrustedRootSHA256, func(s string) string { return s }),
		once("posture.vpns", p.VPNs, func(v VPNState) string { return v.Name }),
		once("posture.work_apps", p.WorkApps, func(a WorkApp) string { return a.Package }),
		once("results", r.Results, func(s SettingResult) string { return s.Setting }),
	} {
		if problem != nil {
			return problem
		}
	}
	return nil
}

// once finds what a sorted list names twice.
func once[T any, K comparable](field string, list []T, key func(T) K) error {
	for i := 1; i < len(list); i++ {
		if k := key(list[i]); k == key(list[i-1]) {
			return fault.InvalidField(field, "%s is named twice", fmt.Sprint(k))
		}
	}
	return nil
}

// storedTime is a time as it is stored; the zero time stays zero.
func storedTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
