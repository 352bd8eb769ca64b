package appsdk

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/apprules"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// wireReport gives a report as it is sent. What is not known is left out.
func wireReport(r apprules.Report) *appprotectv1.Report {
	m := &appprotectv1.Report{
		ObservedAt: wireTime(r.ObservedAt), AppliedRevision: r.AppliedRevision,
		AppVersion: wireVersion(r.AppVersion), SdkVersion: wireVersion(r.SDKVersion),
		AgentVersion: wireVersion(r.AgentVersion), OsVersion: wireVersion(r.OSVersion),
		SecurityPatch: string(r.Patch), Manufacturer: r.Manufacturer, Model: r.Model, Lock: wireLock(r.Lock),
		AppScan: appprotectv1.AppScan(r.AppScan), Knox: appprotectv1.Attestation(r.Knox),
		Defender: appprotectv1.ThreatLevel(r.Defender), ThirdParty: appprotectv1.ThreatLevel(r.ThirdParty),
		PinSet: r.PIN.Set, PinFailures: r.PIN.Failures, PendingWipes: r.PendingWipes, DoneWipes: r.DoneWipes,
		UnsyncedChanges: r.UnsyncedChanges,
	}
	if r.AgentUpdateWaits != nil {
		m.AgentUpdateWaits = durationpb.New(*r.AgentUpdateWaits)
	}
	if r.RootChecked || r.RootSignals != 0 {
		m.RootSignals = &appprotectv1.RootSignals{
			Rooted:             r.RootSignals&apprules.SignRooted != 0,
			BootloaderUnlocked: r.RootSignals&apprules.SignBootloaderUnlocked != 0,
			RomModified:        r.RootSignals&apprules.SignROMModified != 0,
		}
	}
	if i := r.Integrity; i.Verdict != 0 || i.Evaluation != 0 {
		m.Integrity = &appprotectv1.IntegrityVerdict{
			Verdict: appprotectv1.Integrity(i.Verdict), Evaluation: appprotectv1.IntegrityEvaluation(i.Evaluation), At: wireTime(i.At),
		}
	}
	return m
}

func wireTime(t time.Time) *timestamppb.Timestamp {
	return timestamppb.New(t.UTC().Truncate(time.Microsecond))
}

func wireVersion(v apprules.Version) string {
	if v == (apprules.Version{}) {
		return ""
	}
	return v.String()
}

func wireLock(l apprules.Lock) appprotectv1.DeviceLock {
	switch l {
	case apprules.LockNone:
		return appprotectv1.DeviceLock_DEVICE_LOCK_NONE
	case apprules.LockSet:
		return appprotectv1.DeviceLock_DEVICE_LOCK_SET
	case apprules.LockLow:
		return appprotectv1.DeviceLock_DEVICE_LOCK_LOW
	case apprules.LockMedium:
		return appprotectv1.DeviceLock_DEVICE_LOCK_MEDIUM
	case apprules.LockHigh:
		return appprotectv1.DeviceLock_DEVICE_LOCK_HIGH
	default:
		return appprotectv1.DeviceLock_DEVICE_LOCK_UNSPECIFIED
	}
}
