package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringfence/internal/enumname"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func wipesView(now time.Time) view[*wipev1.Order] {
	type o = *wipev1.Order
	return view[o]{kind: "wipe", name: o.GetId, columns: []column[o]{
		{"ID", false, o.GetId},
		{"DEVICE", false, o.GetDeviceId},
		{"SCOPE", false, orderScope},
		{"STATE", false, wipeState},
		{"HELD", false, func(m o) string { return heldBy(m, now) }},
		{"SOURCE", false, func(m o) string { return enumname.Of(m.GetSource()) }},
		{"AGE", false, func(m o) string { return age(m.GetCreatedAt(), now) }},
		{"CHANGED", false, func(m o) string { return age(m.GetChangedAt(), now) }},
		{"REQUEST", true, o.GetRequestId},
		{"GROUP", true, o.GetGroup},
		{"EXPIRES", true, func(m o) string { return due(m.GetExpiresAt(), now) }},
		{"EPOCH", true, func(m o) string { return strconv.FormatUint(m.GetEpoch(), 10) }},
		{"NOT-NOW", true, func(m o) string { return strconv.FormatUint(uint64(m.GetNotNowCount()), 10) }},
		{"REFUSED", true, func(m o) string { return strconv.FormatUint(uint64(m.GetRefusedCount()), 10) }},
		{"BY", true, o.GetCreatedBy},
		{"REASON", true, o.GetReason},
		{"OUTCOME", true, o.GetOutcome},
	}}
}

// heldBy says what keeps an order from its device: the breaker, or cooling-off.
func heldBy(m *wipev1.Order, now time.Time) string {
	switch {
	case m.GetState() >= wipev1.State_STATE_ACKNOWLEDGED:
		return ""
	case m.GetPaused():
		return "paused"
	case m.GetHeldUntil().AsTime().After(now):
		return due(m.GetHeldUntil(), now)
	default:
		return ""
	}
}

// orderScope says what an order takes, three packages at most.
func orderScope(o *wipev1.Order) string {
	switch {
	case o.GetWholeDevice().GetPersonalSide():
		return wholeScope + " with personal side"
	case o.GetWholeDevice() != nil:
		return wholeScope
	default:
		return scopeWords(o.GetScope())
	}
}

// wholeScope is the scope that no Scope can name.
const wholeScope = "whole-device"

func scopeWords(s *wipev1.Scope) string {
	switch {
	case s.GetWorkProfile() != nil:
		return "work-profile"
	case s.GetRelinquish() != nil:
		return "relinquish"
	case s.GetLock() != nil:
		return "lock"
	case s.GetAppData() != nil:
		packages := s.GetAppData().GetPackages()
		if len(packages) > 3 {
			return fmt.Sprintf("app-data %s and %d more", strings.Join(packages[:3], ","), len(packages)-3)
		}
		return "app-data " + strings.Join(packages, ",")
	default:
		return ""
	}
}

func requestsView(now time.Time) view[*wipev1.WipeRequest] {
	type r = *wipev1.WipeRequest
	return view[r]{kind: "request", name: r.GetId, columns: []column[r]{
		{"ID", false, r.GetId},
		{"KIND", false, func(m r) string { return enumname.Of(m.GetKind()) }},
		{"STATE", false, requestState},
		{"DEVICES", false, func(m r) string {
			if !ordersWipes(m) {
				return ""
			}
			return strconv.FormatUint(uint64(m.GetDevices()), 10)
		}},
		{"BY", false, r.GetCreatedBy},
		{"AGE", false, func(m r) string { return age(m.GetCreatedAt(), now) }},
		{"ASKS", false, r.GetSummary},
		{"REASON", true, r.GetReason},
		{"ENDS", true, func(m r) string {
			if m.GetState() != wipev1.RequestState_REQUEST_STATE_WAITING {
				return ""
			}
			return due(m.GetExpiresAt(), now)
		}},
		{"HELD", true, func(m r) string {
			if !m.GetHeldUntil().AsTime().After(now) {
				return ""
			}
			return due(m.GetHeldUntil(), now)
		}},
		{"DECIDED-BY", true, r.GetDecidedBy},
		{"NEEDS", true, func(m r) string { return strings.Join(m.GetNeeds(), "; ") }},
	}}
}

// requestState names the state of a request, and says where a wipe of a person
// was lifted since.
func requestState(m *wipev1.WipeRequest) string {
	state := enumname.Of(m.GetState())
	if m.GetLiftedAt() != nil {
		return state + " (lifted)"
	}
	return state
}

// requestScope says what a request takes; "" for one that takes nothing.
func requestScope(m *wipev1.WipeRequest) string {
	switch {
	case m.GetScope() != nil:
		return scopeWords(m.GetScope())
	case m.GetKind() == wipev1.RequestKind_REQUEST_KIND_WIPE:
		return wholeScope
	default:
		return ""
	}
}
