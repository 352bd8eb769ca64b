package wipe

import "ringfence/internal/fault"

// What this slice says no with. Compare with errors.Is; the text may differ.
var (
	// ErrUnknown: no such order, or none for this device and epoch.
	ErrUnknown = fault.New(fault.NotFound, "ORDER_UNKNOWN", "no such wipe order")
	// ErrCancelled: an administrator was faster. The device must not act.
	ErrCancelled = fault.New(fault.Refused, "ORDER_CANCELLED", "the order was cancelled")
	// ErrExpired: its time or its epoch is over. The device must not act.
	ErrExpired = fault.New(fault.Refused, "ORDER_EXPIRED", "the order has expired")
	// ErrFinished: it has ended in another way already.
	ErrFinished = fault.New(fault.Refused, "ORDER_FINISHED", "the order is finished")
	// ErrAcknowledged: the device has promised to act and can no longer be
	// stopped, nor put the order off.
	ErrAcknowledged = fault.New(fault.Refused, "ORDER_ACKNOWLEDGED", "the device has acknowledged the order and must finish it")
	// ErrNotAcknowledged: a device reported done what it never promised to do.
	ErrNotAcknowledged = fault.New(fault.Refused, "ORDER_NOT_ACKNOWLEDGED", "the order was not acknowledged: nothing may be removed before that")
	// ErrCommitted: the device has committed itself in other words before.
	ErrCommitted = fault.New(fault.Refused, "ORDER_COMMITTED", "another commitment for this order is kept already")
	// ErrNotSignedFor: there is nothing to show to a third party.
	ErrNotSignedFor = fault.New(fault.Refused, "ORDER_NOT_SIGNED_FOR", "the device has signed nothing for this order")
	// ErrNoWorkProfile: the mode cannot have what the scope names.
	ErrNoWorkProfile = fault.New(fault.Refused, "MODE_HAS_NO_WORK_PROFILE", "the device is managed in a mode without a work profile")
	// ErrScopeNotForMode: the closed table of modes and scopes says no.
	ErrScopeNotForMode = fault.New(fault.Refused, "SCOPE_NOT_FOR_MODE", "a device in this mode cannot have an order of this scope")
	// ErrOtherApp: of a registration there is the work data of its own app.
	ErrOtherApp = fault.New(fault.Refused, "OTHER_APP", "a work account in one app can have an order for the data of that app, and of no other")
	// ErrPersonalSide: a personal side would go, and nobody said that this is known.
	ErrPersonalSide = fault.New(fault.Refused, "PERSONAL_SIDE_WOULD_GO",
		"the device has a personal side, which would go too: relinquish leaves it; to go on, say in the request that it is known")
	// ErrNotEnrolled: there is no enrolment to take anything back from.
	ErrNotEnrolled = fault.New(fault.Refused, "NOT_ENROLLED", "the device is not enrolled")
	// ErrPending: an equal or wider order is under way, or too many are.
	ErrPending = fault.New(fault.Refused, "ORDER_PENDING", "an equal or wider order is under way")
	// ErrEpochMoved: the order was meant for another enrolment.
	ErrEpochMoved = fault.New(fault.Conflict, "EPOCH_MOVED", "the device is in another epoch")
	// ErrKeyReused: the request key belongs to a different request.
	ErrKeyReused = fault.New(fault.Conflict, "REQUEST_KEY_REUSED", "the request key was used for a different order")
	// ErrPaused: the order is held. The device must not act, and gets it again.
	ErrPaused = fault.New(fault.Refused, "ORDER_PAUSED", "the order is paused: do not act, it comes again")
	// ErrNotCompany: orders for the whole device are for the company's own only.
	ErrNotCompany = fault.New(fault.Denied, "NOT_COMPANY_OWNED", "only a company-owned device has such orders")
	// ErrRoleMayNot: the caller's role does not allow it.
	ErrRoleMayNot = fault.New(fault.Denied, "ROLE_MAY_NOT", "the role does not allow this")
	// ErrOutOfScope: what concerns everybody is not for a caller bound to groups.
	ErrOutOfScope = fault.New(fault.Denied, "OUT_OF_SCOPE", "this concerns the whole installation, and the credential is bound to groups")
	// ErrSelfApproval: the request is the caller's own.
	ErrSelfApproval = fault.New(fault.Denied, "SELF_APPROVAL", "a request is approved by another person than asked for it, whichever credential is used")
	// ErrBudget: a budget is exhausted.
	ErrBudget = fault.New(fault.Refused, "BUDGET_EXHAUSTED", "the budget for wipes is exhausted")
	// ErrTooManyRequests: approvers are not to be tired out.
	ErrTooManyRequests = fault.New(fault.Refused, "TOO_MANY_REQUESTS", "too many requests of one person needed a second person within a day: wait, or ask for more devices at once")
	// ErrBreakerOpen: everything pending is paused and nothing new is taken.
	ErrBreakerOpen = fault.New(fault.Refused, "BREAKER_OPEN",
		"too much of the fleet got orders in a short time, and all of it is paused: an owner closes the breaker, with a second person's approval")
	// ErrBreakerClosed: there is nothing to resume.
	ErrBreakerClosed = fault.New(fault.Refused, "BREAKER_CLOSED", "the breaker is closed: nothing is paused")
	// ErrBreakerReopened: the request was about an earlier time that it opened.
	ErrBreakerReopened = fault.New(fault.Conflict, "BREAKER_REOPENED", "the breaker has opened anew since this was asked for: look again, and ask anew")
	// ErrPlanChanged: what was planned is no longer what there is.
	ErrPlanChanged = fault.New(fault.Conflict, "PLAN_CHANGED", "the devices, or what they would lose, are no longer those of the plan: plan again")
	// ErrNothingToWipe: no device of the target can have such an order.
	ErrNothingToWipe = fault.New(fault.Refused, "NOTHING_TO_WIPE", "no device of the target can have an order of this scope")
	// ErrNoRequest: no such request, for this caller.
	ErrNoRequest = fault.New(fault.NotFound, "REQUEST_UNKNOWN", "no such request")
	// ErrRequestFinished: it has ended, or what is asked does not fit its kind.
	ErrRequestFinished = fault.New(fault.Refused, "REQUEST_FINISHED", "the request has ended already")
	// ErrRequestExpired: nobody approved it in time.
	ErrRequestExpired = fault.New(fault.Refused, "REQUEST_EXPIRED", "the request expired before it was approved: ask again")
	// ErrAskerRevoked: nobody stands behind the request any more.
	ErrAskerRevoked = fault.New(fault.Refused, "ASKER_REVOKED",
		"the credential that asked for it was revoked: whoever still wants it asks anew")
	// ErrUserWipeStands: one is enough.
	ErrUserWipeStands = fault.New(fault.Refused, "USER_WIPE_STANDS", "a wipe of everything of this person stands already")
	// ErrLimitsChanged: somebody else changed the limits first.
	ErrLimitsChanged = fault.New(fault.Conflict, "LIMITS_CHANGED", "the limits were changed by somebody else: look again")
	// ErrLeaseMoved: the device asks for a lease that is not its present one.
	ErrLeaseMoved = fault.New(fault.Refused, "LEASE_MOVED", "that is not the device's lease any more: fetch the manifest")
	// ErrLeaseNeverWipes: there is no order to sign.
	ErrLeaseNeverWipes = fault.New(fault.Refused, "LEASE_NEVER_WIPES", "no wipe belongs to the lease of this device")
	// ErrMoved: somebody else changed the order first. Look again and retry.
	ErrMoved = fault.New(fault.Conflict, "ORDER_MOVED", "the order was changed by somebody else")
)
