package main

import (
	"ringfence/internal/compliance/compliancerpc"
	"ringfence/internal/identity"
	"ringfence/internal/rpc"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Who may be on the other end.
var (
	anyone  = rpc.Rule{Callers: []identity.Kind{identity.Anonymous, identity.Device}}
	devices = rpc.Rule{Callers: []identity.Kind{identity.Device}}
	admins  = rpc.Rule{Callers: []identity.Kind{identity.Admin}}
)

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
		wipev1.WipeService_FetchOrders_FullMethodName:                  devices,
		wipev1.WipeService_ReportOrder_FullMethodName:                  devices,
	}
}

// adminRules says who may call what on the admin listener.
func adminRules() rpc.Rules {
	return rpc.Rules{
		enrollv1.EnrollmentAdminService_CreateToken_FullMethodName:             admins,
		enrollv1.EnrollmentAdminService_GetToken_FullMethodName:                admins,
		enrollv1.EnrollmentAdminService_ListTokens_FullMethodName:              admins,
		enrollv1.EnrollmentAdminService_RevokeToken_FullMethodName:             admins,
		enrollv1.EnrollmentAdminService_GetDevice_FullMethodName:               admins,
		enrollv1.EnrollmentAdminService_ListDevices_FullMethodName:             admins,
		enrollv1.EnrollmentAdminService_RetireDevice_FullMethodName:            admins,
		compliancev1.ComplianceAdminService_ApplyPolicy_FullMethodName:         admins,
		compliancev1.ComplianceAdminService_GetPolicy_FullMethodName:           admins,
		compliancev1.ComplianceAdminService_ListPolicies_FullMethodName:        admins,
		compliancev1.ComplianceAdminService_DeletePolicy_FullMethodName:        admins,
		compliancev1.ComplianceAdminService_GetDeviceCompliance_FullMethodName: admins,
		compliancev1.ComplianceAdminService_ListCertificates_FullMethodName:    admins,
		compliancev1.ComplianceAdminService_RevokeCertificate_FullMethodName:   admins,
		compliancev1.ComplianceAdminService_GetRevocationList_FullMethodName:   admins,
		wipev1.WipeAdminService_PlanWipe_FullMethodName:                        admins,
		wipev1.WipeAdminService_CreateWipe_FullMethodName:                      admins,
		wipev1.WipeAdminService_GetWipe_FullMethodName:                         admins,
		wipev1.WipeAdminService_GetWipeReceipt_FullMethodName:                  admins,
		wipev1.WipeAdminService_ListWipes_FullMethodName:                       admins,
		wipev1.WipeAdminService_CancelWipe_FullMethodName:                      admins,
		auditv1.AuditService_ListEntries_FullMethodName:                        admins,
		auditv1.AuditService_GetHead_FullMethodName:                            admins,
		auditv1.AuditService_GetInclusionProof_FullMethodName:                  admins,
		auditv1.AuditService_GetConsistencyProof_FullMethodName:                admins,
		auditv1.AuditService_ExportEntries_FullMethodName:                      admins,
	}
}
