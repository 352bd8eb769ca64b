package phone

import (
	"slices"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
)

// Look is the phone as an app on the person's side sees it. What the phone does
// not say is the zero value. Nothing in it names the phone.
type Look struct {
	// Level is how the phone around the person's side is managed: a work profile
	// is elsewhere.
	Level               apprules.Level
	OSVersion           string
	SecurityPatch       string // YYYY-MM-DD
	Manufacturer, Model string
	Lock                apprules.Lock
	Encrypted           bool
	// Signs that the phone's own guards are off.
	Rooted, BootloaderUnlocked, ROMModified bool
	Integrity                               apprules.IntegrityReport
	AppScan                                 apprules.AppScanState
	Knox                                    apprules.Attestation
	Defender, ThirdParty                    apprules.Threat
	AgentVersion                            string
	AgentUpdateWaits                        *time.Duration
	Biometric                               apprules.BiometricKind
	BiometricClass                          int
	BiometricSet                            string
}

// Look looks at the phone, for an app. Safe beside a running agent.
func (p *Phone) Look() (Look, error) {
	s, err := p.Settings()
	if err != nil {
		return Look{}, err
	}
	level, err := p.level()
	if err != nil {
		return Look{}, err
	}
	g := s.Guard
	look := Look{
		Level: level, OSVersion: s.OSVersion, SecurityPatch: s.SecurityPatch, Manufacturer: g.Manufacturer, Model: s.Model,
		Lock: s.Pin.lock(), Encrypted: g.Encrypted,
		Rooted: g.Rooted, BootloaderUnlocked: g.BootloaderUnlocked, ROMModified: g.ROMModified,
		AppScan: number[apprules.AppScanState](appScanWords, g.AppScan), Knox: number[apprules.Attestation](attestationWords, g.Knox),
		Defender: number[apprules.Threat](threatWords, g.Defender), ThirdParty: number[apprules.Threat](threatWords, g.ThirdParty),
		AgentVersion: g.AgentVersion, AgentUpdateWaits: g.AgentUpdateWaits,
		Biometric: number[apprules.BiometricKind](biometricWords, g.Biometric), BiometricClass: g.BiometricClass, BiometricSet: g.BiometricSet,
	}
	look.Integrity = apprules.IntegrityReport{
		Verdict:    number[apprules.Integrity](integrityWords, g.Integrity),
		Evaluation: number[apprules.Evaluation](evaluationWords, g.Evaluation), At: g.IntegrityAt,
	}
	if look.Integrity.At.IsZero() {
		look.Integrity.At = p.now().UTC().Truncate(time.Microsecond)
	}
	return look, nil
}

// level tells how the person's side is managed.
func (p *Phone) level() (apprules.Level, error) {
	s, err := p.LoadState()
	if err != nil || s.Enrollment == nil || s.Enrollment.Ended != nil {
		return apprules.Unenrolled, err
	}
	switch device.Mode(s.Enrollment.Mode) {
	case device.FullyManaged, device.Dedicated:
		return apprules.FullyManaged, nil
	case device.WorkProfile, device.AppAccount:
	}
	return apprules.Unenrolled, nil
}

// lock gives the lock as Android tells apps of it.
func (p Pin) lock() apprules.Lock {
	if !p.Set {
		return apprules.LockNone
	}
	switch p.Complexity {
	case "low":
		return apprules.LockLow
	case "medium":
		return apprules.LockMedium
	case "high":
		return apprules.LockHigh
	}
	return apprules.LockSet
}

// number gives a word's number; zero for one that is none.
func number[T ~uint8](words []string, word string) T {
	return T(max(slices.Index(words, word), 0))
}
