package main

import (
	"maps"

	"ringfence/internal/appprotect/appprotectrpc"
	"ringfence/internal/compliance/compliancerpc"
	"ringfence/internal/identity"
	"ringfence/internal/rpc"
	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Who may be on the other end.
var (
	anyone  = rpc.Rule{Callers: []identity.Kind{identity.Anonymous, identity.Device}}
	devices = rpc.Rule{Callers: []identity.Kind{identity.Device}}
	apps    = rpc.Rule{Callers: []identity.Kind{identity.App}}
	// wiped is whatever can be wiped.
	wiped = rpc.Rule{Callers: []identity.Kind{identity.Device, identity.App}}
	// newcomers have no certificate, or show that of an epoch before.
	newcomers = rpc.Rule{Callers: []identity.Kind{identity.Anonymous, identity.App}}
)

// admins lets those administrators in whose role may any one of the verbs.
func admins(anyOf ...identity.Verb) rpc.Rule {
	return rpc.Rule{Callers: []identity.Kind{identity.Admin}, Verbs: anyOf}
}

// everywhere is admins, of those whose credential is bound to no group.
func everywhere(anyOf ...identity.Verb) rpc.Rule {
	r := admins(anyOf...)
	r.Everywhere = true
	return r
}

// certified is the rate of calls that leave a certificate on record each time,
// and some of those on the revocation list in the end: far more than a phone
// with every certificate there is asks for, and too few to fill a disk.
var certified = rpc.Rate{PerSecond: 1.0 / 60, Burst: 100}

// deviceRules says who may call what on the device listener. Join is the one
// call without a certificate; a phone that enrols again may still show its old
// one.
func deviceRules() rpc.Rules {
	return rpc.Rules{
		enrollv1.EnrollmentService_Join_FullMethodName:                 anyone,
		enrollv1.EnrollmentService_Renew_FullMethodName:                {Callers: devices.Callers, Rate: certified},
		enrollv1.EnrollmentService_Leave_FullMethodName:                devices,
		compliancev1.ComplianceService_Watch_FullMethodName:            devices,
		compliancev1.ComplianceService_GetManifest_FullMethodName:      devices,
		compliancev1.ComplianceService_CheckIn_FullMethodName:          {Callers: devices.Callers, Quick: compliancerpc.QuickCheckIn},
		compliancev1.ComplianceService_IssueCertificate_FullMethodName: {Callers: devices.Callers, Rate: certified},
		wipev1.WipeService_FetchOrders_FullMethodName:                  wiped,
		wipev1.WipeService_ReportOrder_FullMethodName:                  wiped,
		wipev1.WipeService_FetchLease_FullMethodName:                   devices,
		// Of devices only those of the company are answered: the slice, which knows
		// what ownership means, says so.
		wipev1.CompanyDeviceService_FetchWholeDeviceOrders_FullMethodName: devices,

		appprotectv1.AppService_BeginRegistration_FullMethodName: newcomers,
		appprotectv1.AppService_Register_FullMethodName:          newcomers,
		appprotectv1.AppService_Renew_FullMethodName:             {Callers: apps.Callers, Rate: certified},
		appprotectv1.AppService_CheckIn_FullMethodName:           {Callers: apps.Callers, Quick: appprotectrpc.QuickCheckIn},
		appprotectv1.AppService_Watch_FullMethodName:             apps,
		appprotectv1.AppService_Leave_FullMethodName:             apps,

		accessv1.AccessDeviceService_IssueAssertion_FullMethodName: wiped,
	}
}

// adminRules says who may call what on the admin listener. Where a row names
// several verbs, the slice asks for the exact one: it depends on the request.
//
// What a credential bound to groups sees of devices and tokens is the slices'
// to say; what is of the whole installation is out of its reach here.
func adminRules() rpc.Rules {
	const (
		view, manage = identity.View, identity.Manage
		lock, apps   = identity.Lock, identity.WipeApps
		wipe, stop   = identity.Wipe, identity.Stop
		approve      = identity.Approve
		govern       = identity.Govern
	)
	rules := rpc.Rules{
		enrollv1.EnrollmentAdminService_CreateToken_FullMethodName:  admins(manage),
		enrollv1.EnrollmentAdminService_GetToken_FullMethodName:     admins(view),
		enrollv1.EnrollmentAdminService_ListTokens_FullMethodName:   admins(view),
		enrollv1.EnrollmentAdminService_RevokeToken_FullMethodName:  admins(manage),
		enrollv1.EnrollmentAdminService_GetDevice_FullMethodName:    admins(view),
		enrollv1.EnrollmentAdminService_ListDevices_FullMethodName:  admins(view),
		enrollv1.EnrollmentAdminService_RetireDevice_FullMethodName: admins(manage),
		enrollv1.EnrollmentAdminService_DeleteDevice_FullMethodName: admins(manage),

		compliancev1.ComplianceAdminService_ApplyPolicy_FullMethodName:         everywhere(manage),
		compliancev1.ComplianceAdminService_GetPolicy_FullMethodName:           admins(view),
		compliancev1.ComplianceAdminService_ListPolicies_FullMethodName:        admins(view),
		compliancev1.ComplianceAdminService_DeletePolicy_FullMethodName:        everywhere(manage),
		compliancev1.ComplianceAdminService_GetDeviceCompliance_FullMethodName: admins(view),
		compliancev1.ComplianceAdminService_ListCertificates_FullMethodName:    admins(view),
		compliancev1.ComplianceAdminService_ListDeviceStandings_FullMethodName: admins(view),
		compliancev1.ComplianceAdminService_RevokeCertificate_FullMethodName:   admins(manage),
		compliancev1.ComplianceAdminService_GetRevocationList_FullMethodName:   admins(view),

		wipev1.WipeAdminService_PlanWipe_FullMethodName:       admins(view),
		wipev1.WipeAdminService_CreateWipe_FullMethodName:     admins(lock, apps, wipe),
		wipev1.WipeAdminService_GetWipe_FullMethodName:        admins(view),
		wipev1.WipeAdminService_GetWipeReceipt_FullMethodName: admins(view),
		wipev1.WipeAdminService_ListWipes_FullMethodName:      admins(view),
		wipev1.WipeAdminService_CancelWipe_FullMethodName:     admins(stop, lock, apps, wipe),

		// Whoever asked may stop, so that every verb of asking is let in.
		wipev1.WipeRequestService_PlanWipes_FullMethodName:              admins(view),
		wipev1.WipeRequestService_CreateWipes_FullMethodName:            admins(lock, apps, wipe),
		wipev1.WipeRequestService_WipeUser_FullMethodName:               admins(wipe),
		wipev1.WipeRequestService_LiftUserWipe_FullMethodName:           admins(stop, wipe),
		wipev1.WipeRequestService_GetRequest_FullMethodName:             admins(view),
		wipev1.WipeRequestService_ListRequests_FullMethodName:           admins(view),
		wipev1.WipeRequestService_ApproveRequest_FullMethodName:         admins(approve),
		wipev1.WipeRequestService_RejectRequest_FullMethodName:          admins(approve),
		wipev1.WipeRequestService_StopRequest_FullMethodName:            admins(stop, lock, apps, wipe),
		wipev1.WipeRequestService_GetGovernance_FullMethodName:          admins(view),
		wipev1.WipeRequestService_ChangeLimits_FullMethodName:           everywhere(govern),
		wipev1.WipeRequestService_CloseBreaker_FullMethodName:           everywhere(govern),
		wipev1.WipeRequestService_SetLease_FullMethodName:               everywhere(govern),
		wipev1.WipeRequestService_ListLeases_FullMethodName:             admins(view),
		wipev1.WipeRequestService_GetLeaseStatus_FullMethodName:         admins(view),
		wipev1.CompanyDeviceAdminService_PlanWholeDevice_FullMethodName: admins(view),
		wipev1.CompanyDeviceAdminService_WipeWholeDevice_FullMethodName: admins(wipe),

		appprotectv1.AppAdminService_ApplyAppPolicy_FullMethodName:     everywhere(manage),
		appprotectv1.AppAdminService_GetAppPolicy_FullMethodName:       admins(view),
		appprotectv1.AppAdminService_ListAppPolicies_FullMethodName:    admins(view),
		appprotectv1.AppAdminService_DeleteAppPolicy_FullMethodName:    everywhere(manage),
		appprotectv1.AppAdminService_ApplyApp_FullMethodName:           everywhere(manage),
		appprotectv1.AppAdminService_GetApp_FullMethodName:             admins(view),
		appprotectv1.AppAdminService_ListApps_FullMethodName:           admins(view),
		appprotectv1.AppAdminService_DeleteApp_FullMethodName:          everywhere(manage),
		appprotectv1.AppAdminService_GetRegistration_FullMethodName:    everywhere(view),
		appprotectv1.AppAdminService_ListRegistrations_FullMethodName:  everywhere(view),
		appprotectv1.AppAdminService_RetireRegistration_FullMethodName: everywhere(manage),
		appprotectv1.AppAdminService_ExplainAppPolicy_FullMethodName:   everywhere(view),

		auditv1.AuditService_ListEntries_FullMethodName:         everywhere(view),
		auditv1.AuditService_GetHead_FullMethodName:             everywhere(view),
		auditv1.AuditService_GetInclusionProof_FullMethodName:   everywhere(view),
		auditv1.AuditService_GetConsistencyProof_FullMethodName: everywhere(view),
		auditv1.AuditService_ExportEntries_FullMethodName:       everywhere(view),
	}
	maps.Copy(rules, accessAdminRules())
	return rules
}
