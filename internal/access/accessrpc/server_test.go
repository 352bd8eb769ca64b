package accessrpc

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/access"
	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// oracle notes what it is asked.
type oracle struct {
	*gate
	supposed access.Supposition
	answered access.Answer
	err      error
}

func (o *oracle) Decide(_ context.Context, q access.Question) (access.Answer, error) {
	o.supposed = access.Supposition{Question: q}
	return o.answered, o.err
}

func (o *oracle) WhatIf(_ context.Context, w access.Supposition) (access.Answer, error) {
	o.supposed = w
	return o.answered, o.err
}

func TestDecide(t *testing.T) {
	o := &oracle{answered: answer(t, nil, compliantPhones)}
	s := NewServer(Config{Service: o})
	for _, explain := range []bool{false, true} {
		got, err := s.Decide(t.Context(), &accessv1.DecideRequest{SignIn: &accessv1.SignIn{User: "ada", DeviceId: phoneID}, Explain: explain})
		want := &accessv1.DecideResponse{Decision: decisionToWire(&o.answered, explain)}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil || o.supposed.Device != phoneID {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	_, err := s.Decide(t.Context(), &accessv1.DecideRequest{SignIn: &accessv1.SignIn{Address: "x"}})
	wantInvalid(t, err, "sign_in.address")
	o.err = errors.New("broken")
	if got, err := s.Decide(t.Context(), &accessv1.DecideRequest{SignIn: &accessv1.SignIn{}}); got != nil || !errors.Is(err, o.err) {
		t.Errorf("got %v, %v: an error is no answer", got, err)
	}
}

func policyDocument(name string, spec access.Spec) *accessv1.AccessPolicyDocument {
	return &accessv1.AccessPolicyDocument{Metadata: &accessv1.Metadata{Name: name}, Spec: specToWire(spec)}
}

func TestWhatIf(t *testing.T) {
	o := &oracle{answered: answer(t, nil, compliantPhones)}
	o.answered.FactsAt = t0.Add(-time.Hour)
	s := NewServer(Config{Service: o, Now: func() time.Time { return t0 }})
	r := &accessv1.WhatIfRequest{
		SignIn: &accessv1.SignIn{User: "ada", App: "mail"}, AsOf: timestamppb.New(t0.Add(-time.Minute)), Promote: []string{"mfa"},
		Facts:    &accessv1.AssumedFacts{Registration: &accessv1.AssumedRegistration{Protection: &accessv1.AssumedVerdict{Fitness: "fit"}}},
		Policies: []*accessv1.AccessPolicyDocument{policyDocument("new", compliantPhones)},
		Locations: []*accessv1.LocationDocument{{
			Metadata: &accessv1.Metadata{Name: "office"}, Spec: &accessv1.LocationSpec{Networks: []string{"192.0.2.0/24"}},
		}},
		OnlyCandidates: true,
	}
	got, err := s.WhatIf(t.Context(), r)
	want := access.Supposition{
		Question: access.Question{SignIn: access.SignIn{Person: access.Person{Name: "ada"}, App: "mail"}},
		Facts: &access.Facts{Registration: &access.Registration{
			Epoch: 1, User: "ada", Protection: access.Verdict{Fitness: access.Fit, EvidenceAt: t0.Add(-time.Minute)},
		}},
		AsOf: t0.Add(-time.Minute), Promote: []string{"mfa"}, Policies: []access.Policy{{Name: "new", Revision: 1, Spec: compliantPhones}},
		Locations: []access.Location{{Name: "office", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}, Only: true,
	}
	if diff := cmp.Diff(want, o.supposed, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" || err != nil {
		t.Errorf("asked: %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(&accessv1.WhatIfResponse{
		Decision: decisionToWire(&o.answered, true), FactsStoredAt: timestamppb.New(t0.Add(-time.Hour)),
	}, got, protocmp.Transform()); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	// Evidence is as old as is said at the time that is asked about, by our clock
	// where none is.
	r.AsOf = nil
	if _, err := s.WhatIf(t.Context(), r); err != nil || !o.supposed.Facts.Registration.Protection.EvidenceAt.Equal(t0) {
		t.Errorf("evidence of %v, %v", o.supposed.Facts.Registration.Protection.EvidenceAt, err)
	}
}

func TestWhatIfThatIsNone(t *testing.T) {
	o := &oracle{}
	s := NewServer(Config{Service: o, Now: func() time.Time { return t0 }})
	nobody := compliantPhones
	nobody.IncludePeople = access.People{}
	office := &accessv1.LocationDocument{Metadata: &accessv1.Metadata{Name: "office"}, Spec: &accessv1.LocationSpec{UnknownCountry: true}}
	for field, r := range map[string]*accessv1.WhatIfRequest{
		"sign_in.device_id": {SignIn: &accessv1.SignIn{DeviceId: "x"}},
		"as_of":             {AsOf: &timestamppb.Timestamp{Nanos: -1}},
		"facts.device.id":   {Facts: &accessv1.AssumedFacts{Device: &accessv1.AssumedDevice{Id: "x"}}},
		"policies[1].spec.include_people": {
			Policies: []*accessv1.AccessPolicyDocument{policyDocument("a", compliantPhones), policyDocument("b", nobody)},
		},
		"policies[1].metadata.name": {
			Policies: []*accessv1.AccessPolicyDocument{policyDocument("a", compliantPhones), policyDocument("a", compliantPhones)},
		},
		"locations[0].spec.networks[0]": {Locations: []*accessv1.LocationDocument{{
			Metadata: &accessv1.Metadata{Name: "a"}, Spec: &accessv1.LocationSpec{Networks: []string{"192.0.2.1/24"}},
		}}},
		"locations[0].metadata.name": {Locations: []*accessv1.LocationDocument{{Spec: &accessv1.LocationSpec{UnknownCountry: true}}}},
		"locations[1].metadata.name": {Locations: []*accessv1.LocationDocument{office, office}},
	} {
		_, err := s.WhatIf(t.Context(), r)
		wantInvalid(t, err, field)
	}
	// What the slice finds says which policy it is about.
	_, err := access.Compile(access.Ruleset{Policies: []access.Policy{{Name: "b", Revision: 1, Spec: nobody}}})
	o.err = err
	_, err = s.WhatIf(t.Context(), &accessv1.WhatIfRequest{})
	wantInvalid(t, err, "spec.include_people")
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Message != o.err.Error() || f.Message[:10] != `policy "b"` {
		t.Errorf("got %q", err)
	}
	o.err = errors.New("broken")
	if _, err := s.WhatIf(t.Context(), &accessv1.WhatIfRequest{}); !errors.Is(err, o.err) {
		t.Errorf("got %v", err)
	}
}
