package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringfence/internal/enumname"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func devicesView(now time.Time) view[judgedDevice] {
	type d = judgedDevice
	return view[d]{kind: "device", name: d.GetId, columns: []column[d]{
		{"ID", false, d.GetId},
		{"STATE", false, func(m d) string { return deviceState(m.Device) }},
		{"STANDING", false, d.word},
		{"OWNERSHIP", false, func(m d) string { return enumname.Of(m.GetOwnership()) }},
		{"MODE", false, func(m d) string { return enumname.Of(m.GetMode()) }},
		{"GROUP", false, d.GetGroup},
		{"USER", false, d.GetUser},
		{"SEEN", false, func(m d) string { return age(m.GetLastSeenAt(), now) }},
		{"MODEL", true, d.GetModel},
		{"OS", true, d.GetOsVersion},
		{"EPOCH", true, func(m d) string { return strconv.FormatUint(m.GetEpoch(), 10) }},
		{"ENROLLED", true, func(m d) string { return age(m.GetEnrolledAt(), now) }},
		{"STANDING-SINCE", true, func(m d) string { return age(m.standing.GetSince(), now) }},
		{"CERTIFICATE", true, func(m d) string { return due(m.GetCertificateExpiresAt(), now) }},
	}}
}

// deviceState is where a device stands. What was deleted says so first.
func deviceState(m *enrollv1.Device) string {
	switch {
	case m.GetPurgedAt() != nil:
		return "deleted"
	case m.GetDeletedAt() != nil:
		return "deleting"
	default:
		return enumname.Of(m.GetState())
	}
}

func tokensView(now time.Time) view[*enrollv1.Token] {
	type tok = *enrollv1.Token
	return view[tok]{kind: "token", name: tok.GetId, columns: []column[tok]{
		{"ID", false, tok.GetId},
		{"STATUS", false, func(m tok) string { return tokenStatus(m, now) }},
		{"OWNERSHIP", false, func(m tok) string { return enumname.Of(m.GetOwnership()) }},
		{"MODE", false, func(m tok) string { return enumname.Of(m.GetMode()) }},
		{"GROUP", false, tok.GetGroup},
		{"USER", false, tok.GetUser},
		{"USES", false, func(m tok) string { return fmt.Sprintf("%d/%d", m.GetUses(), m.GetMaxUses()) }},
		{"EXPIRES", false, func(m tok) string { return due(m.GetExpiresAt(), now) }},
		{"AGE", true, func(m tok) string { return age(m.GetCreatedAt(), now) }},
		{"BY", true, tok.GetCreatedBy},
		{"DESCRIPTION", true, tok.GetDescription},
	}}
}

func tokenStatus(m *enrollv1.Token, now time.Time) string {
	switch {
	case m.GetRevokedAt() != nil:
		return "revoked"
	case m.GetUses() >= m.GetMaxUses():
		return "used-up"
	case !now.Before(m.GetExpiresAt().AsTime()):
		return "expired"
	default:
		return "usable"
	}
}

func policiesView(now time.Time) view[*compliancev1.Policy] {
	type p = *compliancev1.Policy
	return view[p]{kind: "policy", name: p.GetName, columns: []column[p]{
		{"NAME", false, p.GetName},
		{"REVISION", false, func(m p) string { return strconv.FormatUint(m.GetRevision(), 10) }},
		{"ASKS", false, func(m p) string { return asks(m.GetSpec()) }},
		{"ASSIGNED", false, func(m p) string { return assigned(m.GetSpec().GetAssignments()) }},
		{"REVISED", false, func(m p) string { return age(m.GetRevisedAt(), now) }},
		{"BY", true, p.GetRevisedBy},
		{"DESCRIPTION", true, func(m p) string { return m.GetSpec().GetDescription() }},
	}}
}

// asks counts what a policy asks for: "2 pins, 1 vpn".
func asks(s *compliancev1.PolicySpec) string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{
		{len(s.GetPins()), "pin"},
		{len(s.GetTrustedRoots()), "root"},
		{len(s.GetClientCertificates()), "certificate"},
		{len(s.GetVpns()), "vpn"},
	} {
		if part.n > 0 {
			parts = append(parts, count(part.n, part.word))
		}
	}
	return strings.Join(parts, ", ")
}

// count gives "1 thing" or "2 things".
func count[N int | uint32 | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// assigned says whom a policy is for, the first three at most.
func assigned(list []*compliancev1.Assignment) string {
	var parts []string
	for i, a := range list {
		if i == 3 && len(list) > 4 {
			parts = append(parts, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		parts = append(parts, target(a))
	}
	return strings.Join(parts, ", ")
}

func target(a *compliancev1.Assignment) string {
	s := ""
	switch t := a.GetTarget().(type) {
	case *compliancev1.Assignment_All:
		s = "all"
	case *compliancev1.Assignment_Group:
		s = "group " + t.Group
	case *compliancev1.Assignment_User:
		s = "user " + t.User
	case *compliancev1.Assignment_Device:
		s = "device " + t.Device
	}
	if a.GetExclude() {
		return "not " + s
	}
	return s
}

func certificatesView(now time.Time) view[*compliancev1.Certificate] {
	type c = *compliancev1.Certificate
	return view[c]{kind: "certificate", name: c.GetSerial, columns: []column[c]{
		{"SERIAL", false, c.GetSerial},
		{"DEVICE", false, c.GetDeviceId},
		{"ALIAS", false, c.GetAlias},
		{"STATUS", false, func(m c) string { return certificateStatus(m, now) }},
		{"EXPIRES", false, func(m c) string { return due(m.GetNotAfter(), now) }},
		{"SUBJECT", true, c.GetSubject},
		{"EPOCH", true, func(m c) string { return strconv.FormatUint(m.GetEpoch(), 10) }},
		// The time it was issued is not known: certificates are backdated.
		{"VALID-FROM", true, func(m c) string { return clock(m.GetNotBefore().AsTime()) }},
		{"REASON", true, c.GetRevocationReason},
	}}
}

func certificateStatus(m *compliancev1.Certificate, now time.Time) string {
	switch {
	case m.GetRevokedAt() != nil:
		return "revoked"
	case now.After(m.GetNotAfter().AsTime()):
		return "expired"
	default:
		return "valid"
	}
}

func auditView(now time.Time) view[*auditv1.Entry] {
	type e = *auditv1.Entry
	sequence := func(m e) string { return strconv.FormatUint(m.GetSequence(), 10) }
	return view[e]{kind: "audit", name: sequence, columns: []column[e]{
		{"SEQUENCE", false, sequence},
		{"AGE", false, func(m e) string { return age(m.GetTime(), now) }},
		{"ACTOR", false, e.GetActor},
		{"ACTION", false, e.GetAction},
		{"TARGET", false, e.GetTarget},
		{"DETAIL", false, e.GetDetail},
		{"TIME", true, func(m e) string { return clock(m.GetTime().AsTime()) }},
		{"FROM", true, e.GetPeer},
		{"CREDENTIAL", true, e.GetCredential},
		{"REQUEST", true, e.GetRequestId},
	}}
}
