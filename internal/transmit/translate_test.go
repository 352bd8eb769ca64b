package transmit

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

const (
	phone  device.ID = "0123456789abcdef0123456789abcdef"
	app    device.ID = "fedcba9876543210fedcba9876543210"
	number           = "1f00ba11"
)

var noon = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// say is what an event says beside when, who and why.
type say map[string]any

// TestTranslate has every action, as the slices write it, and what receivers
// hear of it.
func TestTranslate(t *testing.T) {
	const onPhone, onApp, onCertificate = "device/" + string(phone), "registration/" + string(app), "certificate/" + number
	compliant, risky := Told{Compliant: true}, Told{HighRisk: true}
	turned := func(before, after string) say { return say{"previous_status": before, "current_status": after} }
	risk := func(before, after, why string) say {
		return say{"principal": "DEVICE", "previous_level": before, "current_level": after, "risk_reason": why}
	}
	credential := func(change, serial string) say {
		c := say{"credential_type": "x509", "change_type": change}
		if serial != "" {
			c["x509_serial"], c["x509_issuer"] = serial, "CN=Test CA"
		}
		return c
	}
	type events map[EventType]say
	for _, c := range []struct {
		name   string
		entry  audit.Entry
		before Told
		want   events
		after  Told
		by     initiator
	}{
		{"compliant at last", audit.Entry{Action: "compliance.standing", Target: onPhone, Actor: "device:x", Detail: "unknown to compliant"},
			Told{}, events{ComplianceChange: turned("not-compliant", "compliant")}, compliant, byPolicy},
		{"not compliant", audit.Entry{Action: "compliance.standing", Target: onPhone, Actor: "server", Detail: "compliant to non-compliant: pin.device.length, evidence.age"},
			compliant, events{ComplianceChange: turned("compliant", "not-compliant")}, Told{}, byPolicy},
		{"still compliant", audit.Entry{Action: "compliance.standing", Target: onPhone, Detail: "unknown to compliant"},
			compliant, events{}, compliant, byPolicy},
		{"never was", audit.Entry{Action: "compliance.standing", Target: onPhone, Detail: "unknown to non-compliant: manifest.revision"},
			Told{}, events{}, Told{}, byPolicy},
		{"in others' hands", audit.Entry{Action: "compliance.standing", Target: onPhone, Detail: "compliant to non-compliant: pin.device.length, integrity.boot"},
			compliant, events{
				ComplianceChange: turned("compliant", "not-compliant"), RiskLevelChange: risk("LOW", "HIGH", "PHONE_INTEGRITY_FAILED"),
			}, risky, byPolicy},
		{"in good hands again", audit.Entry{Action: "compliance.standing", Target: onPhone, Detail: "non-compliant to compliant"},
			risky, events{
				ComplianceChange: turned("not-compliant", "compliant"), RiskLevelChange: risk("HIGH", "LOW", "PHONE_INTEGRITY_RESTORED"),
			}, compliant, byPolicy},
		{"who knows about integrity", audit.Entry{Action: "compliance.standing", Target: onPhone, Detail: "compliant to non-compliant: a, b, and more"},
			Told{Compliant: true, HighRisk: true}, events{ComplianceChange: turned("compliant", "not-compliant")}, risky, byPolicy},
		{"a standing there is not", audit.Entry{Action: "compliance.standing", Target: onPhone, Detail: "compliant to purple"}, compliant, nil, compliant, ""},
		{"an app is well", audit.Entry{Action: "appprotect.standing", Target: onApp, Detail: "ok"},
			Told{}, events{ComplianceChange: turned("not-compliant", "compliant")}, compliant, byPolicy},
		{"an app warns", audit.Entry{Action: "appprotect.standing", Target: onApp, Detail: "ok to warn: launch.os_version"}, compliant, events{}, compliant, byPolicy},
		{"an app is shut", audit.Entry{Action: "appprotect.standing", Target: onApp, Detail: "warn to block: launch.offline"},
			compliant, events{ComplianceChange: turned("compliant", "not-compliant"), SessionRevoked: {}}, Told{}, byPolicy},
		{"an app is to be wiped", audit.Entry{Action: "appprotect.standing", Target: onApp, Detail: "block to wipe: launch.rooted"},
			Told{}, events{RiskLevelChange: risk("LOW", "HIGH", "PHONE_INTEGRITY_FAILED"), SessionRevoked: {}}, risky, byPolicy},
		{"left", audit.Entry{Action: "enroll.leave", Target: onPhone, Actor: "device:x", Detail: "epoch 1: the device left"},
			compliant, events{ComplianceChange: turned("compliant", "not-compliant"), SessionRevoked: {}}, Told{}, byUser},
		{"retired", audit.Entry{Action: "enroll.retire", Target: onPhone, Actor: "admin:alice", Detail: "epoch 1: Bob's phone is lost"},
			Told{}, events{SessionRevoked: {}}, Told{}, byAdmin},
		{"wiped", audit.Entry{Action: "enroll.wiped", Target: onPhone, Actor: "server", Detail: "epoch 1: order 7"},
			compliant, events{ComplianceChange: turned("compliant", "not-compliant"), SessionRevoked: {}}, Told{}, bySystem},
		{"joined", audit.Entry{Action: "enroll.join", Target: onPhone, Actor: "device:x", Detail: "epoch 1, company fully-managed, group a, token t"},
			Told{}, events{CredentialChange: credential("create", "")}, Told{}, byUser},
		{"displaced", audit.Entry{Action: "enroll.join", Target: onPhone, Actor: "device:x", Detail: "epoch 2, company fully-managed, group a, token t, cut epoch 1 short"},
			compliant, events{ComplianceChange: turned("compliant", "not-compliant"), SessionRevoked: {}, CredentialChange: credential("create", "")}, Told{}, byUser},
		{"renewed", audit.Entry{Action: "enroll.renew", Target: onPhone, Actor: "device:x", Detail: "epoch 2, certificate " + number},
			compliant, events{CredentialChange: credential("update", number)}, compliant, bySystem},
		{"purged", audit.Entry{Action: "enroll.purge", Target: onPhone, Actor: "admin:alice"}, risky, events{}, risky, byAdmin},
		{"a wipe is ordered", audit.Entry{Action: "wipe.order", Target: onPhone, Actor: "admin:alice", Detail: "order 7 for epoch 1 (work): stolen"},
			compliant, events{SessionRevoked: {}}, compliant, byAdmin},
		{"a wipe of an app is ordered", audit.Entry{Action: "wipe.order", Target: onApp, Actor: "server", Detail: "order 7 for epoch 1 (account): launch.rooted"},
			compliant, events{SessionRevoked: {}}, compliant, byPolicy},
		{"signed in", audit.Entry{Action: "appprotect.register", Target: onApp, Actor: "app:x", Credential: number, Detail: "epoch 1, com.example, basic"},
			Told{}, events{CredentialChange: credential("create", number)}, Told{}, byUser},
		{"an app renewed", audit.Entry{Action: "appprotect.renew", Target: onApp, Actor: "app:x", Detail: "epoch 1, certificate " + number},
			compliant, events{CredentialChange: credential("update", number)}, compliant, bySystem},
		{"signed out", audit.Entry{Action: "appprotect.end", Target: onApp, Actor: "app:x", Detail: "epoch 1: signed-out"},
			compliant, events{ComplianceChange: turned("compliant", "not-compliant"), SessionRevoked: {}}, Told{}, byUser},
		{"wiped itself", audit.Entry{Action: "appprotect.end", Target: onApp, Actor: "app:x", Detail: "epoch 1: self-wiped"},
			Told{}, events{SessionRevoked: {}}, Told{}, byPolicy},
		{"an app retired", audit.Entry{Action: "appprotect.end", Target: onApp, Actor: "admin:alice", Detail: "epoch 1: retired, she left"},
			Told{}, events{SessionRevoked: {}}, Told{}, byAdmin},
		{"issued", audit.Entry{Action: "compliance.certificate.issue", Target: onCertificate, Actor: "device:x", Detail: "wifi for device " + string(phone) + ", epoch 3"},
			compliant, events{CredentialChange: credential("create", number)}, compliant, bySystem},
		{"revoked", audit.Entry{Action: "compliance.certificate.revoke", Target: onCertificate, Actor: "admin:alice", Detail: "key lost by Bob"},
			compliant, events{CredentialChange: credential("revoke", number)}, compliant, byAdmin},
		{"superseded", audit.Entry{Action: "compliance.certificate.revoke", Target: onCertificate, Actor: "device:x", Detail: "wifi: a newer one is installed"},
			compliant, events{CredentialChange: credential("revoke", number)}, compliant, byPolicy},
		{"no number", audit.Entry{Action: "compliance.certificate.revoke", Target: "certificate/../x", Actor: "admin:alice"}, compliant, nil, compliant, ""},
		{"not told", audit.Entry{Action: "wipe.deliver", Target: onPhone}, compliant, nil, compliant, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ok := translate(&c.entry)
			if !ok {
				if c.want != nil {
					t.Error("it means nothing")
				}
				return
			}
			var issuer Certificate
			if s.serial != "" {
				issuer.Issuer = "CN=Test CA"
			}
			all, after := s.events(c.before, Subject{Device: s.device}, issuer)
			got := events{}
			for _, e := range all {
				got[e.Type] = e.Claims
			}
			check(t, "events", c.want, got)
			check(t, "told", c.after, after)
			check(t, "by", c.by, s.by)
			if len(all) > len(got) {
				t.Error("an entry gives two events of one type, whose jti would be the same")
			}
		})
	}
}

func TestActions(t *testing.T) {
	want := slices.Sorted(maps.Keys(translated))
	got := Actions()
	slices.Sort(got)
	check(t, "actions", want, got)
	if len(translations) != len(translated) {
		t.Error("an action is there twice")
	}
}

// TestWordsStay: what people wrote into the record is not told.
func TestWordsStay(t *testing.T) {
	for _, tr := range translations {
		for _, target := range []string{"device/" + string(phone), "certificate/" + number} {
			e := audit.Entry{
				Sequence: 7, Time: noon, Action: tr.action, Actor: "admin:alice", Target: target, Credential: number,
				Detail: "epoch 1: Bob Miller lost it", RequestID: "secret-request", Peer: "10.1.2.3",
			}
			s, ok := translate(&e)
			if !ok {
				continue
			}
			all, _ := s.events(Told{Compliant: true}, Subject{Device: phone}, Certificate{})
			for i := range all {
				s.finish(&all[i], &e)
				text := string(encode(all[i].Claims))
				for _, word := range []string{"Bob", "alice", "secret", "10.1.2.3", "lost"} {
					if strings.Contains(text, word) {
						t.Errorf("%s tells %q: %s", tr.action, word, text)
					}
				}
			}
		}
	}
}

func TestFinish(t *testing.T) {
	e := audit.Entry{Sequence: 7, Time: noon, Action: "compliance.standing", Target: "device/" + string(phone), Detail: "compliant to non-compliant: pin.device.length"}
	s, _ := translate(&e)
	all, _ := s.events(Told{Compliant: true}, Subject{Device: phone, User: "bob@example.com", Tenant: "acme"}, Certificate{})
	s.finish(&all[0], &e)
	it := all[0].item("stream-1", "jti-1", noon)
	check(t, "claims", `{"current_status":"not-compliant","event_timestamp":1772625600,"initiating_entity":"policy",`+
		`"previous_status":"compliant","reason_admin":{"en":"the phone's compliance changed: pin.device.length"},`+
		`"reason_user":{"en":"Open the work agent on your phone: it says what to do."}}`, string(it.Claims))
	check(t, "subject", `{"format":"complex","device":{"format":"opaque","id":"`+string(phone)+`"},`+
		`"user":{"format":"email","email":"bob@example.com"},"tenant":{"format":"opaque","id":"acme"}}`, string(it.Subject))
	body, err := webhookBody(&it)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "webhook", `{"type":"device.compliance.changed","timestamp":"2026-03-04T12:00:00Z","data":{`+
		`"current_status":"not-compliant","event_timestamp":1772625600,"initiating_entity":"policy","previous_status":"compliant",`+
		`"reason_admin":{"en":"the phone's compliance changed: pin.device.length"},`+
		`"reason_user":{"en":"Open the work agent on your phone: it says what to do."},"subject":`+string(it.Subject)+`}}`, string(body))
}

func TestPersons(t *testing.T) {
	for user, want := range map[string]string{
		"bob@example.com": `{"format":"email","email":"bob@example.com"}`, "bob": `{"format":"opaque","id":"bob"}`,
		"@x": `{"format":"opaque","id":"@x"}`, "x@": `{"format":"opaque","id":"x@"}`,
	} {
		check(t, user, want, string(encode(person(user))))
	}
}
