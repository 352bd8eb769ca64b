package main

import "google.golang.org/grpc/codes"

// appoint says how a second person comes to be. It is never done over the network,
// so that a stolen credential cannot make another.
const appoint = "an approver is appointed on the server's host: mdm-server admin create NAME --role approver"

// hintOfReason says what to do next, by the reason of an answer.
var hintOfReason = map[string]string{
	"REVISION_MOVED":           "somebody changed the policy since: look at it again (mdmctl get policy, app-policy or access-policy NAME) and repeat",
	"NO_POLICY":                "see mdmctl get app-policies, or mdmctl get access-policies",
	"NO_LOCATION":              "see mdmctl get locations",
	"LOCATION_IN_USE":          "mdmctl get access-policies -o wide says which policies name it: change those first",
	"NO_CLIENT":                "see mdmctl access clients list --revoked",
	"CLIENT_EXISTS":            "see mdmctl access clients list",
	"TOO_MANY_CLIENTS":         "mdmctl access clients list shows them; mdmctl access clients revoke ID makes room",
	"STREAM_NOT_FOUND":         "see mdmctl access streams list",
	"STREAM_EXISTS":            "mdmctl access webhooks list shows it; where its secret is lost: mdmctl access webhooks delete ID, then make it again",
	"STREAM_MOVED":             "somebody changed the stream since: look at it again (mdmctl access streams describe ID) and repeat",
	"STREAM_DISABLED":          "mdmctl access streams resume ID enables it",
	"VERIFICATION_TOO_SOON":    "wait ten seconds and repeat",
	"TOO_MANY":                 "mdmctl access webhooks list shows them; mdmctl access webhooks delete ID makes room",
	"NO_APP":                   "see mdmctl get apps",
	"NO_REGISTRATION":          "see mdmctl get registrations",
	"REQUEST_KEY_REUSED":       "this request key belongs to another request: choose a new one, or leave --request-key out",
	"EPOCH_MOVED":              "it has enrolled or registered again since: look at it (mdmctl describe device ID, mdmctl describe registration ID) and decide again",
	"MODE_HAS_NO_WORK_PROFILE": "of this device there is the data of named apps (--scope app-data --package NAME), or all of it: mdmctl wipe whole-device ID",
	"NOT_ENROLLED":             "the device has left: nothing can reach it before it enrols again",
	"ORDER_PENDING":            "an equal or wider order is under way: see mdmctl get wipes --device ID",
	"ORDER_ACKNOWLEDGED":       "the device has promised to act: the order can no longer be cancelled",
	"ORDER_FINISHED":           "the order has ended: see mdmctl describe wipe ID",
	"SCOPE_NOT_FOR_MODE":       "a device in this mode cannot have such an order: see what it can have in docs/wipe.md",
	"OTHER_APP":                "of a registration there is the data of its own app: mdmctl describe registration ID says which",
	"NOTHING_TO_WIPE":          "no device would get an order: --dry-run says why of each",
	"PLAN_CHANGED":             "what was planned is no longer so: run the command again without --plan, and look at the new plan",
	"PERSONAL_SIDE_WOULD_GO":   "mdmctl relinquish device ID takes the work side and leaves the person's; --personal-side says that it is known that all goes",
	"USER_WIPE_STANDS":         "see mdmctl get requests --kind user-wipe; mdmctl lift user-wipe ID ends the one that stands",
	"BUDGET_EXHAUSTED":         "mdmctl get limits shows what is spent, and how long a credential is new; more takes a second person (mdmctl set limits), or time",
	"BREAKER_OPEN":             "mdmctl get limits says why; an owner lets what is paused go on (mdmctl resume wipes) or cancels it (mdmctl cancel all-wipes)",
	"ASKER_REVOKED":            "the request is void: run the command again with a credential that works, if it is still wanted",
	"BREAKER_CLOSED":           "nothing is paused: see mdmctl get limits",
	"BREAKER_REOPENED":         "look at why it opened (mdmctl get limits); what waited is void, and has to be asked for anew",
	"LIMITS_CHANGED":           "somebody changed the limits since: look at them again (mdmctl get limits); what waited is void, and has to be asked for anew",
	"ROLE_MAY_NOT":             "ask somebody whose role allows it; roles are given on the server's host: mdm-server admin create NAME --role ROLE",
	"OUT_OF_SCOPE":             "the credential of this context is bound to groups: ask somebody whose is not",
	"SELF_APPROVAL":            "another person must approve it (mdmctl get limits says whether there is one); " + appoint,
	"REQUEST_FINISHED":         "see how it ended: mdmctl describe request ID",
	"REQUEST_EXPIRED":          "nobody approved it in time: have it asked for again",
	"AUDIT_LOG_BROKEN":         "the database was changed or restored: see docs/audit.md, and compare with an export",
	"TOO_MANY_CALLS":           "wait a moment and repeat",
	"TOO_MANY_REQUESTS":        "a hundred requests of one person a day may need a second person: stop what is not wanted, and ask for several devices at once",
	"CERTIFICATE_EXPIRED":      "the credential of this context has expired: have an administrator make a new one",
}

var hintOfCode = map[codes.Code]string{
	codes.Unavailable:      "is the server running, and are address and CA of the context right? See mdmctl config view",
	codes.Unauthenticated:  "is the credential of the context an administrator's of this server? See mdmctl config view",
	codes.PermissionDenied: "the credential is known, but may not do this",
	codes.DeadlineExceeded: "the server is slow or the network is: repeat, or give more time with --timeout",
	codes.Unimplemented:    "the server is of another version than mdmctl",
}

func hintFor(c codes.Code, reason string) string {
	if hint := hintOfReason[reason]; hint != "" {
		return hint
	}
	return hintOfCode[c]
}
