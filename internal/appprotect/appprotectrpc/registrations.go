package appprotectrpc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wire"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// GetRegistration describes a registration, judged now.
func (s *AdminServer) GetRegistration(ctx context.Context, r *appprotectv1.GetRegistrationRequest) (*appprotectv1.GetRegistrationResponse, error) {
	id, err := registrationFromWire(r.GetRegistrationId())
	if err != nil {
		return nil, err
	}
	d, err := s.service.GetRegistration(ctx, id)
	if err != nil {
		return nil, err
	}
	w := &appprotectv1.GetRegistrationResponse{
		Registration: standingToWire(d.Standing),
		Verdict:      verdictToWire(d.Standing.State.Verdict),
		Explanation:  explanationToWire(d.Explanation),
	}
	if end := d.Standing.Registration.End; end != nil && end.SelfWipe != nil {
		w.SelfWipeChain = end.SelfWipe.Chain
	}
	return w, nil
}

// ListRegistrations lists registrations, oldest first.
func (s *AdminServer) ListRegistrations(ctx context.Context, r *appprotectv1.ListRegistrationsRequest) (*appprotectv1.ListRegistrationsResponse, error) {
	q := appprotect.Query{
		// Names of people are kept in lower case.
		User: strings.ToLower(r.GetUser()), Tag: r.GetDeviceTag(), Package: r.GetPackage(),
		Standing: word[apprules.Standing](r.GetStanding()),
	}
	switch r.GetState() {
	case appprotectv1.RegistrationState_REGISTRATION_STATE_ACTIVE:
		q.Lasts = new(true)
	case appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED:
		q.Lasts = new(false)
	}
	l := listing[appprotect.Standing]{
		names: []string{"registrations", q.User, q.Tag, q.Package, r.GetState().String(), r.GetStanding().String()},
		list: func(ctx context.Context, after string, limit int) ([]appprotect.Standing, error) {
			var err error
			if q.AfterAt, q.After, err = placeFromText(after); err != nil {
				return nil, err
			}
			q.Limit = limit
			return s.service.ListRegistrations(ctx, q)
		},
		place: func(s appprotect.Standing) string {
			return fmt.Sprintf("%d/%s", s.Registration.CreatedAt.UnixMicro(), s.Registration.ID)
		},
	}
	list, next, err := l.page(ctx, r)
	return &appprotectv1.ListRegistrationsResponse{Registrations: wire.Each(list, standingToWire), NextPageToken: next}, err
}

// placeFromText reads a place in the listing of registrations; "" is its start.
func placeFromText(s string) (time.Time, device.ID, error) {
	if s == "" {
		return time.Time{}, "", nil
	}
	at, id, _ := strings.Cut(s, "/")
	us, err := strconv.ParseInt(at, 10, 64)
	if err != nil || id == "" {
		return time.Time{}, "", fault.InvalidField("page_token", "is not a page token of this server")
	}
	return time.UnixMicro(us).UTC(), device.ID(id), nil
}

// RetireRegistration ends a registration.
func (s *AdminServer) RetireRegistration(ctx context.Context, r *appprotectv1.RetireRegistrationRequest) (*appprotectv1.RetireRegistrationResponse, error) {
	id, err := registrationFromWire(r.GetRegistrationId())
	if err != nil {
		return nil, err
	}
	ended, err := s.service.Retire(ctx, id, device.Epoch(r.GetEpoch()), r.GetReason())
	if err != nil {
		return nil, err
	}
	return &appprotectv1.RetireRegistrationResponse{
		Registration: standingToWire(appprotect.Standing{Registration: ended}),
	}, nil
}

// ExplainAppPolicy gives what would hold for a person in an app.
func (s *AdminServer) ExplainAppPolicy(ctx context.Context, r *appprotectv1.ExplainAppPolicyRequest) (*appprotectv1.ExplainAppPolicyResponse, error) {
	e, err := s.service.Explain(ctx, appprotect.ExplainRequest{
		User: r.GetUser(), Groups: slices.Clone(r.GetGroups()), Package: r.GetPackage(),
		SignerSHA256: r.GetSignerSha256(), Level: word[apprules.Level](r.GetLevel()),
	})
	if err != nil {
		return nil, err
	}
	return &appprotectv1.ExplainAppPolicyResponse{Explanation: explanationToWire(e)}, nil
}

func standingToWire(s appprotect.Standing) *appprotectv1.Registration {
	r := s.Registration
	w := &appprotectv1.Registration{
		Id: string(r.ID), Epoch: uint64(r.Epoch), State: appprotectv1.RegistrationState_REGISTRATION_STATE_ACTIVE,
		User: r.Person.Name, Package: r.Package, SignerSha256: r.SignerSHA256, DeviceTag: r.Tag,
		Level: appprotectv1.Level(r.Level), AppVersion: r.AppVersion, SdkVersion: r.SDKVersion,
		RegisteredAt: wire.Time(r.RegisteredAt), LastCheckIn: wire.Time(s.State.HeardAt),
		IntendedRevision: s.State.Intended, Standing: appprotectv1.Standing(s.State.Verdict.Standing),
	}
	if report := s.State.Report; report != nil {
		w.AppliedRevision = report.AppliedRevision
		w.Manufacturer, w.Model = report.Manufacturer, report.Model
		if report.OSVersion != (apprules.Version{}) {
			w.OsVersion = report.OSVersion.String()
		}
	}
	if r.End != nil {
		endToWire(w, *r.End)
	}
	return w
}

func endToWire(w *appprotectv1.Registration, e appprotect.End) {
	w.State, w.EndedAt = appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED, wire.Time(e.At)
	w.EndedWhy = strings.ReplaceAll(string(e.Why), "-", " ")
	if e.Detail != "" {
		w.EndedWhy += ": " + e.Detail
	}
	if e.SelfWipe != nil {
		w.SelfWipe = &appprotectv1.SignedSelfWipe{Content: e.SelfWipe.Content, Signature: e.SelfWipe.Signature}
	}
}

func explanationToWire(e appprotect.Explanation) *appprotectv1.Explanation {
	return &appprotectv1.Explanation{
		Policy:   effectiveToWire(e.Effective),
		Policies: e.Policies,
		Sources: wire.Each(e.Sources, func(s appprotect.Source) *appprotectv1.SettingSource {
			return &appprotectv1.SettingSource{Key: string(s.Key), Policies: s.Policies}
		}),
		Conflicts: wire.Each(e.Conflicts, func(c appprotect.Conflict) *appprotectv1.ConfigConflict {
			return &appprotectv1.ConfigConflict{Key: c.Key, Policies: c.Policies, Detail: c.Detail}
		}),
	}
}
