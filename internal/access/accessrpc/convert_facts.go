package accessrpc

import (
	"slices"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// factsFromWire gives what is to be taken as known at a time of a user's phone and
// app; nil for none. Errors are Invalid and name the field.
func factsFromWire(w *accessv1.AssumedFacts, user string, at time.Time) (*access.Facts, error) {
	if w == nil {
		return nil, nil
	}
	var f access.Facts
	var err error
	if f.Device, err = assumedDevice(w.GetDevice(), at); err != nil {
		return nil, err
	}
	if f.Registration, err = assumedRegistration(w.GetRegistration(), at); err != nil {
		return nil, err
	}
	// An app of nobody would be the app of another person, and be left out.
	if r := f.Registration; r != nil && r.User == "" {
		if r.User = user; r.User == "" {
			r.User = w.GetDevice().GetUser()
		}
	}
	return &f, nil
}

// assumedEpoch is the epoch of what is only assumed.
const assumedEpoch device.Epoch = 1

func assumedDevice(w *accessv1.AssumedDevice, at time.Time) (*access.Device, error) {
	if w == nil {
		return nil, nil
	}
	const field = "facts.device"
	id, err := idFromWire(w.GetId(), field+".id")
	if err != nil {
		return nil, err
	}
	d := &access.Device{
		ID: id, Epoch: assumedEpoch, User: w.GetUser(),
		Ownership: device.Ownership(w.GetOwnership()), Mode: device.Mode(w.GetMode()),
		Platform: word[access.Platform](w.GetPlatform()), Group: w.GetGroup(),
		Model: w.GetModel(), OSVersion: w.GetOsVersion(), SecurityPatch: w.GetSecurityPatch(),
		WorkApps: slices.Clone(w.GetWorkApps()),
	}
	if o := d.Ownership; o != "" && o != device.Personal && o != device.Company {
		return nil, fault.InvalidField(field+".ownership", "must be personal or company")
	}
	if m := d.Mode; m != "" && !m.Enrols() {
		return nil, fault.InvalidField(field+".mode", "is no mode that a phone is enrolled in")
	}
	d.Compliance, err = assumedVerdict(w.GetCompliance(), at, field+".compliance")
	return d, err
}

func assumedRegistration(w *accessv1.AssumedRegistration, at time.Time) (*access.Registration, error) {
	if w == nil {
		return nil, nil
	}
	const field = "facts.registration"
	id, err := idFromWire(w.GetId(), field+".id")
	if err != nil {
		return nil, err
	}
	r := &access.Registration{
		ID: id, Epoch: assumedEpoch, User: w.GetUser(), Package: w.GetPackage(),
		Platform: word[access.Platform](w.GetPlatform()), Approved: w.GetApproved(),
	}
	r.Protection, err = assumedVerdict(w.GetProtection(), at, field+".protection")
	return r, err
}

var fitnesses = map[string]access.Fitness{
	"":                        access.NotJudged,
	access.NotJudged.String(): access.NotJudged,
	access.Fit.String():       access.Fit,
	access.Unfit.String():     access.Unfit,
}

// assumedVerdict has no evidence where nothing was judged.
func assumedVerdict(w *accessv1.AssumedVerdict, at time.Time, field string) (access.Verdict, error) {
	fitness, ok := fitnesses[w.GetFitness()]
	if !ok {
		return access.Verdict{}, fault.InvalidField(field+".fitness", "must be fit, unfit or not-judged")
	}
	age, err := spanFromWire(w.GetAge(), field+".age")
	if err != nil || fitness == access.NotJudged {
		return access.Verdict{}, err
	}
	return access.Verdict{
		Fitness: fitness, EvidenceAt: at.Add(-age),
		Findings: each(w.GetFindings(), func(f *accessv1.AccessFinding) access.Finding {
			return access.Finding{Rule: f.GetRule(), Expected: f.GetExpected(), Actual: f.GetActual(), Remedy: f.GetRemedy(), Link: f.GetLink()}
		}),
	}, nil
}
