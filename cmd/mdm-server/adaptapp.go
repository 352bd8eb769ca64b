package main

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/bell"
	"ringfence/internal/device"
	"ringfence/internal/directory"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/pki"
	"ringfence/internal/signin"
	"ringfence/internal/wipe"
)

// The words of app protection, connected to those of other rooms.

// appAuthority is pki as app protection sees it.
type appAuthority struct{ enrollAuthority }

func (a appAuthority) IssueApp(id device.ID, epoch device.Epoch, key any, notBefore, notAfter time.Time) ([][]byte, string, time.Time, error) {
	chain, leaf, err := a.Issue(pki.App, pki.Template{
		PublicKey: key,
		Subject:   pkix.Name{CommonName: fmt.Sprintf("%s epoch %d", id, epoch)},
		NotBefore: notBefore, NotAfter: notAfter,
	})
	if err != nil {
		return nil, "", time.Time{}, err
	}
	return chain, pki.FormatSerial(leaf.SerialNumber), leaf.NotAfter, nil
}

// phonesForApps knows at which levels a person's phones are managed.
type phonesForApps struct{ enroll *enroll.Service }

func (p phonesForApps) Levels(ctx context.Context, user string) ([]apprules.Level, error) {
	found, err := p.enroll.Select(ctx, enroll.DeviceSelector{User: user}, wipe.MaxTargets)
	if err != nil {
		return nil, err
	}
	var levels []apprules.Level
	for _, d := range found {
		level := apprules.FullyManaged
		if d.Mode.HasWorkProfile() {
			level = apprules.WorkProfile
		}
		if !slices.Contains(levels, level) {
			levels = append(levels, level)
		}
	}
	return levels, nil
}

// ordersForApps is wipe as app protection sees it. It asks the slice at each
// call: the two need one another, and one of them is made first.
type ordersForApps struct{ p *parts }

func (o ordersForApps) Waiting(ctx context.Context, id device.ID, epoch device.Epoch) (bool, error) {
	return o.p.wipe.Waiting(ctx, id, epoch)
}

func (o ordersForApps) WipeByPolicy(ctx context.Context, id device.ID, epoch device.Epoch, why string) error {
	_, err := o.p.wipe.WipeByPolicy(ctx, id, epoch, why)
	return err
}

func (o ordersForApps) EnrollmentEnded(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	return o.p.wipe.EnrollmentEnded(ctx, id, epoch, reason)
}

// directoryForApps is the directory in app protection's words.
type directoryForApps struct{ directory *directory.Service }

func (d directoryForApps) Standing(ctx context.Context, name string) (appprotect.Account, error) {
	s, err := d.directory.Standing(ctx, name)
	return appprotect.Account{Known: s.Known, Active: s.Active, Groups: s.Groups}, err
}

// signInsForApps is the verifier of ID tokens in app protection's words.
type signInsForApps struct{ verifier *signin.Verifier }

func (s signInsForApps) Issuers() []appprotect.Issuer {
	var issuers []appprotect.Issuer
	for _, i := range s.verifier.Issuers() {
		issuers = append(issuers, appprotect.Issuer{URL: i.URL, ClientIDs: i.ClientIDs})
	}
	return issuers
}

func (s signInsForApps) Verify(ctx context.Context, idToken, nonce string) (appprotect.Person, error) {
	p, err := s.verifier.Verify(ctx, idToken, nonce)
	return appprotect.Person{Issuer: p.Issuer, Subject: p.Subject, Name: p.Name, Groups: p.Groups}, err
}

// targetsForWipe is everything that can be wiped: the enrolled devices, and the
// registrations of apps. Their ids never meet.
type targetsForWipe struct {
	devicesForWipe
	apps *appprotect.Service
}

func (t targetsForWipe) Facts(ctx context.Context, id device.ID) (wipe.Facts, error) {
	f, err := t.devicesForWipe.Facts(ctx, id)
	if fault.KindOf(err) != fault.NotFound {
		return f, err
	}
	r, missing := t.apps.Registration(ctx, id)
	if missing != nil {
		if fault.KindOf(missing) == fault.NotFound {
			return wipe.Facts{}, err // in the words of devices
		}
		return wipe.Facts{}, missing
	}
	return factsOfApp(r), nil
}

func (t targetsForWipe) Select(ctx context.Context, target wipe.Target, limit int) ([]wipe.Facts, error) {
	facts, err := t.devicesForWipe.Select(ctx, target, limit)
	if err != nil {
		return nil, err
	}
	found, err := t.registrations(ctx, target, facts, limit-len(facts))
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		facts = append(facts, factsOfApp(r))
	}
	if len(facts) > limit {
		return nil, fault.InvalidField("target", "names more than %d devices and apps", limit)
	}
	return facts, nil
}

// registrations are those of a target that names persons or ids. A group of
// devices has none.
func (t targetsForWipe) registrations(ctx context.Context, target wipe.Target, known []wipe.Facts, limit int) ([]appprotect.Standing, error) {
	if target.User != "" {
		lasts := true
		return t.apps.ListRegistrations(ctx, appprotect.Query{User: strings.ToLower(target.User), Lasts: &lasts, Limit: limit + 1})
	}
	if len(target.Devices) == len(known) {
		return nil, nil
	}
	devices := make(map[device.ID]bool, len(known))
	for _, f := range known {
		devices[f.ID] = true
	}
	var found []appprotect.Standing
	for _, id := range target.Devices {
		if devices[id] {
			continue
		}
		switch r, err := t.apps.Registration(ctx, id); {
		case err == nil:
			found = append(found, r)
		case fault.KindOf(err) != fault.NotFound:
			return nil, err
		}
	}
	return found, nil
}

// Enrolled counts both: the breaker asks how much of everything is struck.
func (t targetsForWipe) Enrolled(ctx context.Context) (int, error) {
	devices, err := t.devicesForWipe.Enrolled(ctx)
	if err != nil {
		return 0, err
	}
	apps, err := t.apps.Count(ctx)
	return devices + apps, err
}

func factsOfApp(s appprotect.Standing) wipe.Facts {
	r := s.Registration
	f := wipe.Facts{
		ID: r.ID, Epoch: r.Epoch, Enrolled: r.Lasts(), Ownership: device.Personal, Mode: device.AppAccount,
		User: r.Person.Name, App: r.Package, LastContact: s.State.HeardAt,
	}
	if f.LastContact.Before(r.RegisteredAt) {
		f.LastContact = r.RegisteredAt
	}
	return f
}

// bells ring whoever has the id: those of devices and of registrations never
// meet.
type bells []*bell.Bell

func (all bells) Ring(id device.ID) {
	for _, b := range all {
		b.Ring(id)
	}
}

// endsForWipe lets wipe end what a wipe has emptied.
type endsForWipe struct {
	enrollmentsForWipe
	apps *appprotect.Service
}

func (e endsForWipe) End(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	_, err := e.apps.Registration(ctx, id)
	switch {
	case err == nil:
		return e.apps.End(ctx, id, epoch, appprotect.EndWiped, reason)
	case fault.KindOf(err) == fault.NotFound:
		return e.enrollmentsForWipe.End(ctx, id, epoch, reason)
	default:
		return err
	}
}
