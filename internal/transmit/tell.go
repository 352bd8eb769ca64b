package transmit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"ringfence/internal/audit"
)

// Certificate is what is known of one.
type Certificate struct {
	// Issuer is its issuer's distinguished name (RFC 4514); empty where that is
	// not known.
	Issuer string
}

// events gives what a signal means to receivers that were told before, and what
// they are told now. What is as it was is not told again.
func (s *signal) events(before Told, subject Subject, c Certificate) ([]Event, Told) {
	var all []Event
	now := before
	add := func(t EventType, claims map[string]any) {
		all = append(all, Event{Type: t, Subject: subject, Claims: claims})
	}
	if s.compliant != unsaid {
		if now.Compliant = s.compliant == yes; now.Compliant != before.Compliant {
			add(ComplianceChange, map[string]any{
				"previous_status": statusOf(before.Compliant), "current_status": statusOf(now.Compliant),
			})
		}
	}
	if s.risk != unsaid {
		if now.HighRisk = s.risk == yes; now.HighRisk != before.HighRisk {
			add(RiskLevelChange, riskClaims(before.HighRisk, now.HighRisk))
		}
	}
	if s.ends {
		add(SessionRevoked, map[string]any{})
	}
	if s.change != "" {
		claims := map[string]any{"credential_type": "x509", "change_type": s.change}
		if s.serial != "" {
			claims["x509_serial"] = s.serial
		}
		if c.Issuer != "" {
			claims["x509_issuer"] = c.Issuer
		}
		add(CredentialChange, claims)
	}
	return all, now
}

func statusOf(compliant bool) string {
	if compliant {
		return "compliant"
	}
	return "not-compliant"
}

func riskClaims(before, now bool) map[string]any {
	reason := "PHONE_INTEGRITY_RESTORED"
	if now {
		reason = "PHONE_INTEGRITY_FAILED"
	}
	return map[string]any{
		"principal": "DEVICE", "previous_level": levelOf(before), "current_level": levelOf(now), "risk_reason": reason,
	}
}

func levelOf(high bool) string {
	if high {
		return "HIGH"
	}
	return "LOW"
}

// finish adds what every event says: when, who caused it, and why.
func (s *signal) finish(e *Event, from *audit.Entry) {
	e.Sequence = from.Sequence
	e.Claims["event_timestamp"] = from.Time.Unix()
	e.Claims["initiating_entity"] = string(s.by)
	if s.why.admin != "" {
		e.Claims["reason_admin"] = map[string]string{"en": s.why.admin}
	}
	if s.why.user != "" {
		e.Claims["reason_user"] = map[string]string{"en": s.why.user}
	}
}

// jti names what an entry means to a stream. It is the same however often it is
// worked out; an entry that takes another's sequence after an old database was
// restored has another.
func jti(installation, stream string, e *Event, at time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d %s", installation, stream, e.Sequence, at.UnixMicro(), e.Type))
	return hex.EncodeToString(sum[:16])
}
