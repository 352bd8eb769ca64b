package wiperpc

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/fault"
	"ringfence/internal/wipe"
	"ringfence/internal/wire"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// fromLease gives nil for no lease.
func fromLease(l *wipe.Lease) *wipev1.Lease {
	if l == nil {
		return nil
	}
	return &wipev1.Lease{Number: l.Number, LockAfter: wire.Span(l.Lock), WipeAfter: wire.Span(l.Wipe)}
}

// toSpan gives 0 for an absent duration.
func toSpan(field string, d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, fault.InvalidField(field, "is not a duration")
	}
	return d.AsDuration(), nil
}

func fromLimits(l wipe.Limits) *wipev1.Limits {
	return &wipev1.Limits{
		Version:       l.Version,
		PersonPerHour: l.PersonHour, PersonPerDay: l.PersonDay,
		HelpDeskPerHour: l.HelpDeskHour, HelpDeskPerDay: l.HelpDeskDay,
		OrganizationPerHour: l.OrganizationHour, OrganizationPerDay: l.OrganizationDay,
		QuorumAbove:    l.QuorumAbove,
		NewCredential:  durationpb.New(l.NewCredential),
		CoolingOff:     durationpb.New(l.CoolingOff),
		BreakerPercent: l.BreakerPercent, BreakerFloor: l.BreakerFloor,
		BreakerWindow: durationpb.New(l.BreakerWindow),
	}
}

func toLimits(l *wipev1.Limits) (*wipe.Limits, error) {
	if l == nil {
		return nil, fault.InvalidField("limits", "is required")
	}
	d := &wipe.Limits{
		Version:    l.GetVersion(),
		PersonHour: l.GetPersonPerHour(), PersonDay: l.GetPersonPerDay(),
		HelpDeskHour: l.GetHelpDeskPerHour(), HelpDeskDay: l.GetHelpDeskPerDay(),
		OrganizationHour: l.GetOrganizationPerHour(), OrganizationDay: l.GetOrganizationPerDay(),
		QuorumAbove:    l.GetQuorumAbove(),
		BreakerPercent: l.GetBreakerPercent(), BreakerFloor: l.GetBreakerFloor(),
	}
	for _, span := range []struct {
		name string
		from *durationpb.Duration
		to   *time.Duration
	}{
		{"new_credential", l.GetNewCredential(), &d.NewCredential},
		{"cooling_off", l.GetCoolingOff(), &d.CoolingOff},
		{"breaker_window", l.GetBreakerWindow(), &d.BreakerWindow},
	} {
		var err error
		if *span.to, err = toSpan("limits."+span.name, span.from); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func fromGovernance(g wipe.Governance) *wipev1.GetGovernanceResponse {
	r := &wipev1.GetGovernanceResponse{
		Limits: fromLimits(g.Limits), Approvers: count(g.Approvers),
		Breaker: &wipev1.Breaker{
			Open: g.Breaker.Open(), Since: wire.Time(g.Breaker.Since), Why: g.Breaker.Why,
			Recent: g.Recent, OpensAbove: count(g.OpensAbove), Paused: count(g.Paused),
		},
	}
	for _, b := range g.Budgets {
		r.Budgets = append(r.Budgets, &wipev1.Budget{Of: b.Of, Window: durationpb.New(b.Window), Limit: b.Limit, Spent: b.Spent})
	}
	return r
}

func toGroupLease(r *wipev1.SetLeaseRequest) (*wipe.GroupLease, error) {
	lock, err := toSpan("lock_after", r.GetLockAfter())
	if err != nil {
		return nil, err
	}
	term, err := toSpan("wipe_after", r.GetWipeAfter())
	if err != nil {
		return nil, err
	}
	return &wipe.GroupLease{Group: r.GetGroup(), Lease: wipe.Lease{Lock: lock, Wipe: term}}, nil
}

func fromGroupLeases(leases []wipe.GroupLease) []*wipev1.GroupLease {
	return wire.Each(leases, func(l wipe.GroupLease) *wipev1.GroupLease {
		return &wipev1.GroupLease{Group: l.Group, Lease: fromLease(&l.Lease), SetAt: wire.Time(l.SetAt), SetBy: l.SetBy}
	})
}

var wireStandings = map[wipe.LeaseStanding]wipev1.LeaseStanding{
	wipe.NoLease:        wipev1.LeaseStanding_LEASE_STANDING_NONE,
	wipe.LeaseHeld:      wipev1.LeaseStanding_LEASE_STANDING_HELD,
	wipe.PresumedLocked: wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_LOCKED,
	wipe.PresumedWiped:  wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_WIPED,
}

func fromLeaseStatus(s wipe.LeaseStatus) *wipev1.GetLeaseStatusResponse {
	r := &wipev1.GetLeaseStatusResponse{
		Standing: wireStandings[s.Standing], LastContact: wire.Time(s.LastContact),
		LocksAt: wire.Time(s.LocksAt), WipesAt: wire.Time(s.WipesAt),
	}
	if s.Holder != nil {
		r.Held, r.OrderId = fromLease(&s.Holder.Lease), string(s.Holder.Order)
	}
	return r
}
