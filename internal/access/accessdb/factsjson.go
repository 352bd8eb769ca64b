package accessdb

import (
	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// factsForm is what is known of a phone and of an app.
type factsForm struct {
	Device       *deviceForm       `json:"device,omitempty"`
	Registration *registrationForm `json:"registration,omitempty"`
}

type deviceForm struct {
	ID            device.ID        `json:"id"`
	Epoch         device.Epoch     `json:"epoch"`
	User          string           `json:"user,omitempty"`
	Ownership     device.Ownership `json:"ownership,omitempty"`
	Mode          device.Mode      `json:"mode,omitempty"`
	Platform      int              `json:"platform,omitempty"`
	Group         string           `json:"group,omitempty"`
	Model         string           `json:"model,omitempty"`
	OSVersion     string           `json:"os_version,omitempty"`
	SecurityPatch string           `json:"security_patch,omitempty"`
	WorkApps      []string         `json:"work_apps,omitempty"`
	Version       uint64           `json:"version,omitempty"`
	Compliance    verdictForm      `json:"compliance"`
}

type registrationForm struct {
	ID         device.ID    `json:"id"`
	Epoch      device.Epoch `json:"epoch"`
	User       string       `json:"user,omitempty"`
	Package    string       `json:"package,omitempty"`
	Platform   int          `json:"platform,omitempty"`
	Approved   bool         `json:"approved,omitempty"`
	Version    uint64       `json:"version,omitempty"`
	Protection verdictForm  `json:"protection"`
}

// verdictForm has times in microseconds since 1970.
type verdictForm struct {
	Fitness    int           `json:"fitness"`
	EvidenceAt *int64        `json:"evidence_at,omitempty"`
	ChangesAt  *int64        `json:"changes_at,omitempty"`
	Version    uint64        `json:"version,omitempty"`
	Findings   []findingForm `json:"findings,omitempty"`
}

type findingForm struct {
	Rule     string `json:"rule"`
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
	Link     string `json:"link,omitempty"`
	Since    *int64 `json:"since,omitempty"`
}

func toFactsForm(f access.Facts) factsForm {
	var form factsForm
	if d := f.Device; d != nil {
		form.Device = &deviceForm{
			d.ID, d.Epoch, d.User, d.Ownership, d.Mode, number(d.Platform), d.Group, d.Model,
			d.OSVersion, d.SecurityPatch, d.WorkApps, d.Version, toVerdictForm(d.Compliance),
		}
	}
	if r := f.Registration; r != nil {
		form.Registration = &registrationForm{
			r.ID, r.Epoch, r.User, r.Package, number(r.Platform), r.Approved, r.Version, toVerdictForm(r.Protection),
		}
	}
	return form
}

func (f factsForm) facts() access.Facts {
	var facts access.Facts
	if d := f.Device; d != nil {
		facts.Device = &access.Device{
			ID: d.ID, Epoch: d.Epoch, User: d.User, Ownership: d.Ownership, Mode: d.Mode,
			Platform: named[access.Platform](d.Platform), Group: d.Group, Model: d.Model,
			OSVersion: d.OSVersion, SecurityPatch: d.SecurityPatch, WorkApps: d.WorkApps,
			Version: d.Version, Compliance: d.Compliance.verdict(),
		}
	}
	if r := f.Registration; r != nil {
		facts.Registration = &access.Registration{
			ID: r.ID, Epoch: r.Epoch, User: r.User, Package: r.Package, Platform: named[access.Platform](r.Platform),
			Approved: r.Approved, Version: r.Version, Protection: r.Protection.verdict(),
		}
	}
	return facts
}

func toVerdictForm(v access.Verdict) verdictForm {
	return verdictForm{
		number(v.Fitness), sqldb.NullMicros(v.EvidenceAt), sqldb.NullMicros(v.ChangesAt), v.Version,
		list(v.Findings, func(f access.Finding) findingForm {
			return findingForm{f.Rule, f.Expected, f.Actual, f.Remedy, f.Link, sqldb.NullMicros(f.Since)}
		}),
	}
}

func (f verdictForm) verdict() access.Verdict {
	return access.Verdict{
		Fitness: named[access.Fitness](f.Fitness), EvidenceAt: sqldb.FromNullMicros(f.EvidenceAt), ChangesAt: sqldb.FromNullMicros(f.ChangesAt),
		Version: f.Version, Findings: list(f.Findings, func(f findingForm) access.Finding {
			return access.Finding{
				Rule: f.Rule, Expected: f.Expected, Actual: f.Actual, Remedy: f.Remedy, Link: f.Link,
				Since: sqldb.FromNullMicros(f.Since),
			}
		}),
	}
}
