package appprotectrpc

import (
	"slices"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// locks are the phone's locks; the wire does not have the lock of unknown
// strength of old phones.
var locks = map[appprotectv1.DeviceLock]apprules.Lock{
	appprotectv1.DeviceLock_DEVICE_LOCK_NONE:   apprules.LockNone,
	appprotectv1.DeviceLock_DEVICE_LOCK_LOW:    apprules.LockLow,
	appprotectv1.DeviceLock_DEVICE_LOCK_MEDIUM: apprules.LockMedium,
	appprotectv1.DeviceLock_DEVICE_LOCK_HIGH:   apprules.LockHigh,
	appprotectv1.DeviceLock_DEVICE_LOCK_SET:    apprules.LockSet,
}

// reportFromWire shares no list with the request. Errors are Invalid: a time or a
// version that is none.
func reportFromWire(w *appprotectv1.Report) (apprules.Report, error) {
	r := apprules.Report{
		AppliedRevision: w.GetAppliedRevision(),
		Patch:           apprules.Patch(w.GetSecurityPatch()),
		Manufacturer:    w.GetManufacturer(),
		Model:           w.GetModel(),
		Lock:            locks[w.GetLock()],
		AppScan:         word[apprules.AppScanState](w.GetAppScan()),
		Knox:            word[apprules.Attestation](w.GetKnox()),
		Defender:        word[apprules.Threat](w.GetDefender()),
		ThirdParty:      word[apprules.Threat](w.GetThirdParty()),
		PIN:             apprules.PINState{Set: w.GetPinSet(), Failures: w.GetPinFailures()},
		PendingWipes:    slices.Clone(w.GetPendingWipes()),
		DoneWipes:       slices.Clone(w.GetDoneWipes()),
		UnsyncedChanges: w.GetUnsyncedChanges(),
	}
	r.RootChecked, r.RootSignals = signsFromWire(w.GetRootSignals())
	for _, read := range []func(*appprotectv1.Report, *apprules.Report) error{readTimes, readVersions} {
		if err := read(w, &r); err != nil {
			return apprules.Report{}, err
		}
	}
	return r, nil
}

// signsFromWire tells "looked, and found nothing" from "has not looked".
func signsFromWire(s *appprotectv1.RootSignals) (checked bool, signs apprules.RootSignals) {
	if s.GetRooted() {
		signs |= apprules.SignRooted
	}
	if s.GetBootloaderUnlocked() {
		signs |= apprules.SignBootloaderUnlocked
	}
	if s.GetRomModified() {
		signs |= apprules.SignROMModified
	}
	return s != nil, signs
}

func readTimes(w *appprotectv1.Report, r *apprules.Report) (err error) {
	if r.ObservedAt, err = timeFromWire(w.GetObservedAt(), "report.observed_at"); err != nil {
		return err
	}
	if waits := w.GetAgentUpdateWaits(); waits != nil {
		if waits.CheckValid() != nil {
			return fault.InvalidField("report.agent_update_waits", "is not a time")
		}
		d := waits.AsDuration()
		r.AgentUpdateWaits = &d
	}
	verdict := w.GetIntegrity()
	r.Integrity.Verdict = word[apprules.Integrity](verdict.GetVerdict())
	r.Integrity.Evaluation = word[apprules.Evaluation](verdict.GetEvaluation())
	r.Integrity.At, err = timeFromWire(verdict.GetAt(), "report.integrity.at")
	return err
}

func readVersions(w *appprotectv1.Report, r *apprules.Report) error {
	for _, each := range []struct {
		name, text string
		to         *apprules.Version
	}{
		{"app_version", w.GetAppVersion(), &r.AppVersion},
		{"sdk_version", w.GetSdkVersion(), &r.SDKVersion},
		{"agent_version", w.GetAgentVersion(), &r.AgentVersion},
		{"os_version", w.GetOsVersion(), &r.OSVersion},
	} {
		if each.text == "" {
			continue
		}
		v, err := apprules.ParseVersion(each.text)
		if err != nil {
			return fault.InvalidField("report."+each.name, "%v", err)
		}
		*each.to = v
	}
	if patch := w.GetSecurityPatch(); patch != "" {
		if _, err := apprules.ParsePatch(patch); err != nil {
			return fault.InvalidField("report.security_patch", "%v", err)
		}
	}
	return nil
}
