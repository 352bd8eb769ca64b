package main

import (
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/access/accessrpc"
	"ringfence/internal/identity"
	"ringfence/internal/rpc"
	accessv1 "ringfence/proto/mdm/access/v1"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

// accessAdminRules says who may call what of conditional access on the admin
// listener. Who enters is of the whole installation: no group of devices has a
// part in it.
func accessAdminRules() rpc.Rules {
	const view, manage = identity.View, identity.Manage
	rules := rpc.Rules{
		accessv1.AccessAdminService_ApplyAccessPolicy_FullMethodName:  everywhere(manage),
		accessv1.AccessAdminService_GetAccessPolicy_FullMethodName:    admins(view),
		accessv1.AccessAdminService_ListAccessPolicies_FullMethodName: admins(view),
		accessv1.AccessAdminService_DeleteAccessPolicy_FullMethodName: everywhere(manage),
		accessv1.AccessAdminService_ApplyLocation_FullMethodName:      everywhere(manage),
		accessv1.AccessAdminService_GetLocation_FullMethodName:        admins(view),
		accessv1.AccessAdminService_ListLocations_FullMethodName:      admins(view),
		accessv1.AccessAdminService_DeleteLocation_FullMethodName:     everywhere(manage),
		accessv1.AccessAdminService_ReportAccess_FullMethodName:       everywhere(view),

		oauthv1.OAuthAdminService_CreateClient_FullMethodName:     everywhere(manage),
		oauthv1.OAuthAdminService_ListClients_FullMethodName:      everywhere(view),
		oauthv1.OAuthAdminService_RevokeClient_FullMethodName:     everywhere(manage),
		oauthv1.OAuthAdminService_ListSigningKeys_FullMethodName:  everywhere(view),
		oauthv1.OAuthAdminService_RotateSigningKey_FullMethodName: everywhere(manage),
	}
	for name, verb := range map[string]identity.Verb{
		transmitv1.TransmitAdminService_ListStreams_FullMethodName:          view,
		transmitv1.TransmitAdminService_GetStream_FullMethodName:            view,
		transmitv1.TransmitAdminService_SetStreamStatus_FullMethodName:      manage,
		transmitv1.TransmitAdminService_VerifyStream_FullMethodName:         manage,
		transmitv1.TransmitAdminService_DeleteStream_FullMethodName:         manage,
		transmitv1.TransmitAdminService_ListDeadLetters_FullMethodName:      view,
		transmitv1.TransmitAdminService_RedeliverDeadLetters_FullMethodName: manage,
		transmitv1.TransmitAdminService_CreateWebhook_FullMethodName:        manage,
	} {
		rules[name] = everywhere(verb)
	}
	for name, rule := range askRules() {
		rules[name] = rule
	}
	return rules
}

// askRules says who may ask who may enter.
func askRules() rpc.Rules {
	ask := everywhere(identity.Ask)
	decide := ask
	decide.Quick = accessrpc.QuickDecide
	return rpc.Rules{
		accessv1.AccessService_Decide_FullMethodName:         decide,
		accessv1.AccessService_WatchDecisions_FullMethodName: ask,
		accessv1.AccessService_WhatIf_FullMethodName:         everywhere(identity.View),
	}
}

// gatewayRules says who may call what on the listener for gateways.
func gatewayRules() rpc.Rules {
	rules := askRules()
	check := everywhere(identity.Ask)
	// Envoy's messages have no rules of ours: nothing is to be found by looking
	// through them. What they say is judged by the door itself.
	check.Quick = func(proto.Message) bool { return true }
	rules[authv3.Authorization_Check_FullMethodName] = check
	return rules
}
