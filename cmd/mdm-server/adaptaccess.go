package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"

	"ringfence/internal/access"
	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/directory"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/wipe"
)

// phonesForAccess gives enrolled phones, judged now, in the words of access.
type phonesForAccess struct {
	enroll     *enroll.Service
	compliance *compliance.Service
	orders     ordersForAccess
}

func (p phonesForAccess) Phone(ctx context.Context, id device.ID) (access.Device, error) {
	r, err := p.enroll.Device(ctx, id)
	if err != nil {
		return access.Device{}, notKnown(err)
	}
	if r.State != enroll.Enrolled || !r.DeletedAt.IsZero() {
		return access.Device{}, access.ErrNotKnown
	}
	present, err := p.compliance.Present(ctx, compliance.Device{
		ID: r.ID, Epoch: r.Epoch, Enrolled: true, Ownership: r.Ownership, Mode: r.Mode, Group: r.Group, User: r.User,
	})
	if err != nil {
		return access.Device{}, err
	}
	d := access.Device{
		ID: r.ID, Epoch: r.Epoch, User: strings.ToLower(r.User), Ownership: r.Ownership, Mode: r.Mode,
		Platform: platformForAccess(r.Platform), Group: r.Group, Model: r.Model, OSVersion: r.OSVersion,
		Version: r.Version, Compliance: complianceForAccess(&present),
	}
	if present.Report != nil {
		d.OSVersion, d.SecurityPatch = present.Report.Posture.OSVersion, present.Report.Posture.SecurityPatchLevel
		for _, app := range present.Report.Posture.WorkApps {
			d.WorkApps = append(d.WorkApps, app.Package)
		}
	}
	return d, p.orders.shut(ctx, r.ID, r.Epoch, &d.Compliance)
}

// notKnown turns NotFound into the word that access has for it.
func notKnown(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return access.ErrNotKnown
	}
	return err
}

func platformForAccess(p device.Platform) access.Platform {
	if p == device.Android {
		return access.Android
	}
	return access.UnknownPlatform
}

func complianceForAccess(p *compliance.Present) access.Verdict {
	v := access.Verdict{EvidenceAt: p.Verdict.EvidenceAt, ChangesAt: p.Verdict.ChangesAt, Version: p.Version}
	switch p.Verdict.Standing {
	case compliance.Compliant:
		v.Fitness = access.Fit
	case compliance.NonCompliant:
		v.Fitness = access.Unfit
	}
	for _, f := range p.Verdict.Findings {
		if f.GraceUntil.IsZero() {
			v.Findings = append(v.Findings, access.Finding{Rule: f.Rule, Expected: f.Expected, Actual: f.Actual, Remedy: f.Remedy, Since: f.Since})
		}
	}
	return v
}

// ordersForAccess shuts the doors to what is about to lose its work data.
type ordersForAccess struct{ wipe *wipe.Service }

// shut makes a verdict unfit for as long as an order waits for the epoch: whoever
// holds a lost phone must not read on until it has been reached.
func (o ordersForAccess) shut(ctx context.Context, id device.ID, epoch device.Epoch, v *access.Verdict) error {
	waits, err := o.wipe.Waiting(ctx, id, epoch)
	if err != nil || !waits {
		return err
	}
	v.Fitness, v.Version = access.Unfit, v.Version^1<<63
	v.Findings = append([]access.Finding{{
		Rule: "wipe.ordered", Expected: "no order to lock or remove work data", Actual: "one waits for this phone",
		Remedy: "ask your administrator: the work data of this phone is being locked or removed",
	}}, v.Findings...)
	return nil
}

// appsForAccess gives registrations of apps, judged now, in the words of access.
type appsForAccess struct {
	apps   *appprotect.Service
	orders ordersForAccess
}

func (a appsForAccess) App(ctx context.Context, id device.ID) (access.Registration, error) {
	p, err := a.apps.Present(ctx, id)
	if err != nil {
		return access.Registration{}, notKnown(err)
	}
	r := access.Registration{
		ID: p.Registration.ID, Epoch: p.Registration.Epoch, User: p.Registration.Person.Name, Package: p.Registration.Package,
		// The one platform there is an SDK for.
		Platform: access.Android, Approved: p.Approved, Version: p.Registration.Version, Protection: protectionForAccess(&p),
	}
	return r, a.orders.shut(ctx, r.ID, r.Epoch, &r.Protection)
}

func protectionForAccess(p *appprotect.Present) access.Verdict {
	verdict := p.State.Verdict
	v := access.Verdict{EvidenceAt: verdict.EvidenceAt, ChangesAt: verdict.ChangesAt, Version: p.State.Version ^ p.Generation<<32}
	switch verdict.Standing {
	case apprules.StandingOK, apprules.StandingWarn:
		v.Fitness = access.Fit
	case apprules.StandingBlock, apprules.StandingWipe:
		v.Fitness = access.Unfit
	}
	for _, f := range verdict.Findings {
		if f.Action > apprules.ActionWarn {
			v.Findings = append(v.Findings, access.Finding{
				Rule: string(f.Check), Expected: f.Threshold, Actual: f.Actual, Remedy: f.Remedy, Link: f.Link, Since: f.Since,
			})
		}
	}
	return v
}

// directoryForAccess is the directory in the words of access.
type directoryForAccess struct{ directory *directory.Service }

func (d directoryForAccess) Person(ctx context.Context, name string) (access.Person, error) {
	s, err := d.directory.Standing(ctx, name)
	if err != nil || !s.Known {
		return access.Person{Name: name}, err
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, s.Active, s.Groups)
	return access.Person{Name: name, Groups: s.Groups, Disabled: !s.Active, Version: max(1, h.Sum64())}, nil
}
