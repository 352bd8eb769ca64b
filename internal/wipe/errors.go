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
	// ErrNotEnrolled: there is no enrolment to take anything back from.
	ErrNotEnrolled = fault.New(fault.Refused, "NOT_ENROLLED", "the device is not enrolled")
	// ErrPending: an equal or wider order is under way, or too many are.
	ErrPending = fault.New(fault.Refused, "ORDER_PENDING", "an equal or wider order is under way")
	// ErrEpochMoved: the order was meant for another enrolment.
	ErrEpochMoved = fault.New(fault.Conflict, "EPOCH_MOVED", "the device is in another epoch")
	// ErrKeyReused: the request key belongs to a different request.
	ErrKeyReused = fault.New(fault.Conflict, "REQUEST_KEY_REUSED", "the request key was used for a different order")
	// ErrMoved: somebody else changed the order first. Look again and retry.
	ErrMoved = fault.New(fault.Conflict, "ORDER_MOVED", "the order was changed by somebody else")
)
