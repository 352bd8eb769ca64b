package wiperpc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func fullLimits() wipe.Limits {
	return wipe.Limits{
		Version: 1, PersonHour: 2, PersonDay: 3, HelpDeskHour: 4, HelpDeskDay: 5, OrganizationHour: 6, OrganizationDay: 7,
		QuorumAbove: 8, NewCredential: 9 * time.Hour, CoolingOff: 10 * time.Minute, BreakerPercent: 11, BreakerFloor: 12, BreakerWindow: 13 * time.Hour,
	}
}

func TestLimits(t *testing.T) {
	wire := fromLimits(fullLimits())
	fields := wire.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if !wire.ProtoReflect().Has(fields.Get(i)) {
			t.Errorf("%s is not filled", fields.Get(i).Name())
		}
	}
	back, err := toLimits(wire)
	want := fullLimits()
	if diff := cmp.Diff(&want, back); diff != "" || err != nil {
		t.Errorf("there and back (-want +got):\n%s%v", diff, err)
	}
	if _, err := toLimits(nil); err == nil {
		t.Error("no limits are limits")
	}
	for field, spoil := range map[string]func(*wipev1.Limits){
		"limits.new_credential": func(l *wipev1.Limits) { l.NewCredential = &durationpb.Duration{Seconds: 1 << 60} },
		"limits.cooling_off":    func(l *wipev1.Limits) { l.CoolingOff = &durationpb.Duration{Seconds: 1, Nanos: -1} },
		"limits.breaker_window": func(l *wipev1.Limits) { l.BreakerWindow = &durationpb.Duration{Nanos: 2_000_000_000} },
	} {
		bad := proto.CloneOf(wire)
		spoil(bad)
		_, err := toLimits(bad)
		wantField(t, field, err, field)
	}
	if l, err := toLimits(&wipev1.Limits{}); err != nil || *l != (wipe.Limits{}) {
		t.Errorf("absent limits are %v, error %v", l, err)
	}
}

func TestFromGovernance(t *testing.T) {
	got := fromGovernance(wipe.Governance{
		Limits:  fullLimits(),
		Budgets: []wipe.Budget{{Of: "person", Window: time.Hour, Limit: 10, Spent: 3}},
		Breaker: wipe.Breaker{Since: monday, Why: "too many"}, Recent: 11, OpensAbove: 10, Paused: 4, Approvers: 2,
	})
	want := &wipev1.GetGovernanceResponse{
		Limits:  fromLimits(fullLimits()),
		Budgets: []*wipev1.Budget{{Of: "person", Window: durationpb.New(time.Hour), Limit: 10, Spent: 3}},
		Breaker: &wipev1.Breaker{Open: true, Since: timestamppb.New(monday), Why: "too many", Recent: 11, OpensAbove: 10, Paused: 4}, Approvers: 2,
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("fromGovernance (-want +got):\n%s", diff)
	}
	if closed := fromGovernance(wipe.Governance{}).GetBreaker(); closed.GetOpen() || closed.GetSince() != nil {
		t.Errorf("a closed breaker is %v", closed)
	}
}

func TestToGroupLease(t *testing.T) {
	r := &wipev1.SetLeaseRequest{Group: "field", LockAfter: durationpb.New(24 * time.Hour), WipeAfter: durationpb.New(90 * 24 * time.Hour)}
	got, err := toGroupLease(r)
	want := &wipe.GroupLease{Group: "field", Lease: wipe.Lease{Lock: 24 * time.Hour, Wipe: 90 * 24 * time.Hour}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("toGroupLease (-want +got):\n%s%v", diff, err)
	}
	if never, err := toGroupLease(&wipev1.SetLeaseRequest{}); err != nil || *never != (wipe.GroupLease{}) {
		t.Errorf("absent terms are %v, error %v", never, err)
	}
	for field, bad := range map[string]*wipev1.SetLeaseRequest{
		"lock_after": {LockAfter: &durationpb.Duration{Nanos: -1, Seconds: 1}},
		"wipe_after": {WipeAfter: &durationpb.Duration{Nanos: -1, Seconds: 1}},
	} {
		_, err := toGroupLease(bad)
		wantField(t, field, err, field)
	}
}

func TestFromLeases(t *testing.T) {
	leases := fromGroupLeases([]wipe.GroupLease{{Group: "field", Lease: wipe.Lease{Number: 2, Lock: 24 * time.Hour}, SetAt: monday, SetBy: "admin:alice"}})
	want := []*wipev1.GroupLease{{
		Group: "field", Lease: &wipev1.Lease{Number: 2, LockAfter: durationpb.New(24 * time.Hour)}, SetAt: timestamppb.New(monday), SetBy: "admin:alice",
	}}
	if diff := cmp.Diff(want, leases, protocmp.Transform()); diff != "" {
		t.Errorf("fromGroupLeases (-want +got):\n%s", diff)
	}
	held := wipe.LeaseStatus{
		Standing: wipe.PresumedWiped, Holder: &wipe.LeaseHolder{Lease: wipe.Lease{Number: 2, Wipe: 7 * 24 * time.Hour}, Order: "lease-0001"},
		Lease: wipe.Lease{Number: 2, Wipe: 7 * 24 * time.Hour}, LastContact: monday, WipesAt: monday.Add(7 * 24 * time.Hour),
	}
	status := &wipev1.GetLeaseStatusResponse{
		Standing: wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_WIPED, Held: &wipev1.Lease{Number: 2, WipeAfter: durationpb.New(7 * 24 * time.Hour)},
		OrderId: "lease-0001", LastContact: timestamppb.New(monday), WipesAt: timestamppb.New(monday.Add(7 * 24 * time.Hour)),
	}
	if diff := cmp.Diff(status, fromLeaseStatus(held), protocmp.Transform()); diff != "" {
		t.Errorf("fromLeaseStatus (-want +got):\n%s", diff)
	}
	none := fromLeaseStatus(wipe.LeaseStatus{Standing: wipe.NoLease})
	if diff := cmp.Diff(&wipev1.GetLeaseStatusResponse{Standing: wipev1.LeaseStanding_LEASE_STANDING_NONE}, none, protocmp.Transform()); diff != "" {
		t.Errorf("no lease (-want +got):\n%s", diff)
	}
}
