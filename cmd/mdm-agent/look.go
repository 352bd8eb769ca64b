package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"ringfence/agent/phone"
	"ringfence/agent/session"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// look gathers everything that show tells.
func look(d *phone.Phone) (view, error) {
	var v view
	for _, part := range []func(*phone.Phone) error{
		v.lookAtState, v.lookAtPosture, v.lookAtPolicy, v.lookAtCertificates, v.lookAtVPNs, v.lookAtStatus,
		v.lookAtLease,
		func(d *phone.Phone) (err error) {
			v.Wipes, err = d.LoadJournal()
			return err
		},
		func(d *phone.Phone) (err error) {
			v.Personal, v.Work, err = d.Digests()
			return err
		},
	} {
		if err := part(d); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (v *view) lookAtState(d *phone.Phone) error {
	s, err := d.LoadState()
	v.Former = s.Former
	if err != nil || s.Enrollment == nil {
		return err
	}
	e := s.Enrollment
	v.Enrollment = &enrollmentView{
		Server: e.Server, DeviceID: e.DeviceID, Epoch: e.Epoch, Ownership: e.Ownership, Mode: e.Mode,
		EnrolledAt: e.EnrolledAt, Ended: e.Ended, Certificate: credentialView(e),
	}
	return nil
}

func credentialView(e *session.Enrollment) certificateView {
	c := certificateView{RenewAt: e.Current.RenewAfter, Waiting: e.Next != nil}
	if len(e.Current.Chain) > 0 {
		if leaf, err := x509.ParseCertificate(e.Current.Chain[0]); err == nil {
			c.Subject, c.Serial, c.NotAfter = leaf.Subject.String(), leaf.SerialNumber.Text(16), leaf.NotAfter
		}
	}
	return c
}

func (v *view) lookAtPosture(d *phone.Phone) (err error) {
	if v.Settings, err = d.Settings(); err != nil {
		return err
	}
	posture, err := d.Posture()
	if err != nil {
		return err
	}
	v.Posture, err = rawOf(posture)
	return err
}

func (v *view) lookAtPolicy(d *phone.Phone) error {
	revision, manifest, err := d.LoadManifest()
	if err != nil {
		return err
	}
	v.Revision = revision
	for _, c := range manifest.GetConflicts() {
		raw, err := rawOf(c)
		if err != nil {
			return err
		}
		v.Conflicts = append(v.Conflicts, raw)
	}
	results, err := d.Results()
	v.Results = []resultView{}
	for _, r := range results {
		v.Results = append(v.Results, resultView{Setting: r.GetSetting(), Status: statusName(r.GetStatus()), Detail: r.GetDetail()})
	}
	return err
}

func statusName(s compliancev1.ApplyStatus) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "APPLY_STATUS_"))
}

func (v *view) lookAtCertificates(d *phone.Phone) error {
	roots, err := d.Roots()
	if err != nil {
		return err
	}
	v.TrustedRoots, v.Certificates = []rootView{}, []certificateView{}
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		c := roots[name]
		sum := sha256.Sum256(c.Raw)
		v.TrustedRoots = append(v.TrustedRoots, rootView{
			Name: name, Subject: c.Subject.String(), SHA256: hex.EncodeToString(sum[:]), NotAfter: c.NotAfter,
		})
	}
	records, err := d.Certificates()
	for _, alias := range slices.Sorted(maps.Keys(records)) {
		c := certificateView{Alias: alias, Waiting: records[alias].Pending != nil}
		if leaf := records[alias].Leaf(); leaf != nil {
			c.Subject, c.Serial, c.NotAfter = leaf.Subject.String(), leaf.SerialNumber.Text(16), leaf.NotAfter
		}
		v.Certificates = append(v.Certificates, c)
	}
	return err
}

func (v *view) lookAtVPNs(d *phone.Phone) error {
	vpns, err := d.VPNs()
	v.VPNs = []json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(vpns)) {
		raw, err := rawOf(vpns[name])
		if err != nil {
			return err
		}
		v.VPNs, v.vpns = append(v.VPNs, raw), append(v.vpns, vpns[name])
	}
	return err
}

func (v *view) lookAtStatus(d *phone.Phone) (err error) {
	if v.Status, err = d.LoadStatus(); err != nil || v.Status.Verdict == nil {
		return err
	}
	v.verdict = &compliancev1.Verdict{}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(v.Status.Verdict, v.verdict)
}

func (v *view) lookAtLease(d *phone.Phone) (err error) {
	if v.WorkLock, err = d.WorkLock(); err != nil {
		return err
	}
	if v.GivenUp, err = d.GivenUp(); err != nil {
		return err
	}
	r, err := d.LoadLease()
	if err != nil || r.LastContact.IsZero() && r.Terms.Number == 0 {
		return err
	}
	v.Lease = &leaseView{
		Number: r.Terms.Number, LockAfter: r.Terms.LockAfter.Seconds(), WipeAfter: r.Terms.WipeAfter.Seconds(),
		LastContact: r.LastContact, Locked: r.Locked, HoldsOrder: r.Order != nil,
	}
	if r.Silence != nil {
		v.Lease.Silence = r.Silence.Longest().Seconds()
	}
	return nil
}
