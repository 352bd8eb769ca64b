package appsdk

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"ringfence/internal/apprules"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// stage makes the phone of a scene.
func (f fields) stage(c *clocks, p *Facts) {
	p.AgentVersion = f.text("agent", "9.0")
	p.AgentUpdateWaits = int64(f.ago("waits", 0).Seconds())
	p.OSVersion, p.SecurityPatch = f.text("os", "15"), f.text("patch", "2026-02-05")
	p.Manufacturer, p.Model = f.text("maker", "Google"), f.text("model", "Pixel 9")
	p.Lock = f.one("devicelock", LockHigh, "", "none", "set", "low", "medium", "high")
	p.Integrity = f.one("integrity", IntegrityCertified, "", "failed", "basic", "basic-and-certified")
	p.IntegrityEvaluation = f.one("evaluation", EvaluationHardware, "", "basic", "hardware-backed")
	p.IntegrityAt = c.Wall() - time.Hour.Microseconds()
	p.AppScan = f.one("scan", AppScanOn, "", "on", "off")
	p.Knox = f.one("knox", AttestationPassed, "", "passed", "failed", "unsupported")
	p.Defender = f.one("defender", ThreatSecured, "", "secured", "low", "medium", "high")
	p.ThirdParty = f.one("thirdparty", 0, "", "secured", "low", "medium", "high")
	p.Rooted, p.BootloaderUnlocked = f["root"] == "rooted", f["root"] == "bootloader-unlocked"
}

// enter sets the first PIN, if one is asked for.
func (b *bench) enter() {
	if d := b.Decide(EventLaunch); d.Outcome == NeedPIN {
		b.setPIN("7305")
	}
}

func (b *bench) playLaunch(f fields) string {
	b.enter()
	b.server.Do(func() { b.server.Findings, b.server.Standing = b.serverSees(f) })
	b.sync()
	b.clocks.pass(f.ago("online", minute))
	b.phone.edit(func(p *Facts) { f.stage(b.clocks, p) })
	failures, _ := strconv.Atoi(f["failures"])
	b.fail(failures)
	d := b.Decide(EventLaunch)
	if d.Outcome == Wiped {
		return "wipe " + map[string]string{"wiped_offline": "launch.offline", "wiped_after_wrong_pins": "access.pin_retries"}[d.MessageKey]
	}
	text := "ok"
	if d.Findings() > 0 {
		text = d.Finding(0).Action
	}
	for i := range d.Findings() {
		text += " " + d.Finding(i).Check
		if link := d.Finding(i).Link; f.has("link") && link != "" {
			text += " " + link
		}
	}
	return text
}

// serverSees is what only the server knows, as it judges by the policy in force.
func (b *bench) serverSees(f fields) ([]*appprotectv1.Finding, appprotectv1.Standing) {
	e, err := b.policy()
	if err != nil {
		b.t.Fatal(err)
	}
	now := b.clocks.server().Add(minute)
	r := apprules.Registration{OnlineAt: now, AccountDisabled: f.has("disabled")}
	if f.has("clockedout") {
		r.ClockedOutAt = now.Add(-f.ago("clockedout", 0))
	}
	var seen []*appprotectv1.Finding
	standing := appprotectv1.Standing_STANDING_OK
	for _, found := range apprules.Evaluate(apprules.Evidence{Effective: e, Registration: r}, now).Findings {
		if found.Check == "launch.account_disabled" || found.Check == "launch.clocked_out" {
			action := appprotectv1.Standing(found.Action) + appprotectv1.Standing_STANDING_OK
			seen = append(seen, &appprotectv1.Finding{Check: string(found.Check), Action: action, RemedyKey: found.RemedyKey})
			standing = max(standing, action)
		}
	}
	return seen, standing
}

// fail gives wrong PINs.
func (b *bench) fail(failures int) {
	for range failures {
		if got, err := b.ChangePIN("0000", "9999"); err != nil && !errors.Is(err, ErrShut) || got == "" && err == nil {
			b.t.Fatal(got, err)
		}
	}
}

func (b *bench) playAccess(f fields) string {
	b.enter()
	checked, used, changed := f.ago("checked", minute), f.ago("used", minute), f.ago("changed", day)
	away := f.has("biometric") && !f.has("used") // nothing but a restart makes the PIN fresher than the check
	if f.has("checked") && !f.has("used") && !away {
		used = checked
	}
	biometric := f.one("biometric", 0, "", "fingerprint", "face", "iris")
	b.clocks.pass(changed - used)
	b.sync()
	if d := b.Decide(EventResume); d.asks(apprules.PromptSignIn) {
		if err := b.SignInAgain(b.in); err != nil {
			b.t.Fatal(err)
		}
	}
	b.phone.edit(func(p *Facts) { p.BiometricEnrolled = "set 1" })
	if _, err := b.Unlock("7305"); err != nil {
		b.t.Fatal(err)
	}
	b.clocks.pass(used)
	b.sync()
	if away {
		b.clocks.reboot(0)
		b.reopen()
	}
	b.phone.edit(func(p *Facts) {
		p.Level = f.one("level", Unenrolled, "", "unenrolled", "work-profile", "fully-managed")
		p.Lock = LockNone
		if f.has("lock") {
			p.Lock = LockHigh
		}
		p.Biometric, p.BiometricClass = biometric, 3
		if f.has("class") {
			p.BiometricClass, _ = strconv.Atoi(f["class"])
		}
		if f.has("new") {
			p.BiometricEnrolled = "set 2"
		}
	})
	failures, _ := strconv.Atoi(f["failures"])
	b.fail(failures)
	d := b.Decide(EventResume)
	var words []string
	if d.Outcome == Wiped {
		words = append(words, "wipe")
	}
	for i := range d.Prompts() {
		words = append(words, d.Prompt(i))
	}
	if d.ConnectVPN {
		words = append(words, "vpn")
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, " ")
}
