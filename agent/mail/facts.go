package mail

import (
	"time"

	"ringfence/agent/appsdk"
	"ringfence/agent/phone"
)

// looker is the phone as the SDK looks at it.
type looker struct{ p *phone.Phone }

// Look is part of appsdk.Phone.
func (l looker) Look() (*appsdk.Facts, error) {
	look, err := l.p.Look()
	if err != nil {
		return nil, err
	}
	f := &appsdk.Facts{
		Level: int(look.Level), OSVersion: look.OSVersion, SecurityPatch: look.SecurityPatch,
		Manufacturer: look.Manufacturer, Model: look.Model, Lock: int(look.Lock), Encrypted: look.Encrypted,
		RootChecked: true, Rooted: look.Rooted, BootloaderUnlocked: look.BootloaderUnlocked, ROMModified: look.ROMModified,
		Integrity: int(look.Integrity.Verdict), IntegrityEvaluation: int(look.Integrity.Evaluation),
		IntegrityAt: look.Integrity.At.UnixMicro(), AppScan: int(look.AppScan), Knox: int(look.Knox),
		Defender: int(look.Defender), ThirdParty: int(look.ThirdParty), AgentVersion: look.AgentVersion,
		Biometric: int(look.Biometric), BiometricClass: look.BiometricClass, BiometricEnrolled: look.BiometricSet,
	}
	if look.AgentUpdateWaits != nil {
		f.AgentUpdateKnown, f.AgentUpdateWaits = true, int64(*look.AgentUpdateWaits/time.Second)
	}
	return f, nil
}

// outbox is what the app has not sent to its mail server yet. A virtual app has no
// such server: the phone's settings say how much it would be.
type outbox struct {
	p   *phone.Phone
	pkg string
}

// UnsyncedChanges is part of appsdk.Work.
func (o outbox) UnsyncedChanges() int64 {
	n, err := o.p.AccountUnsynced(o.pkg)
	if err != nil {
		return 0
	}
	return int64(n)
}

// clock is the phone's two clocks.
type clock struct{ o Options }

// Wall is part of appsdk.Clock.
func (c clock) Wall() int64 { return c.o.Now().UnixMicro() }

// Boot is part of appsdk.Clock.
func (c clock) Boot() string {
	boot, _, err := c.o.Phone.Uptime()
	if err != nil {
		return ""
	}
	return boot
}

// Uptime is part of appsdk.Clock.
func (c clock) Uptime() int64 {
	_, up, err := c.o.Phone.Uptime()
	if err != nil {
		return 0
	}
	return up.Microseconds()
}
