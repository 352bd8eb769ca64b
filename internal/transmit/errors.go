package transmit

import "ringfence/internal/fault"

var (
	// ErrNoStream says that there is no such stream, or that it is another's.
	ErrNoStream = fault.New(fault.NotFound, "STREAM_NOT_FOUND", "there is no such stream")
	// ErrDuplicate says that the client has a stream of this delivery and
	// endpoint already.
	ErrDuplicate = fault.New(fault.Conflict, "STREAM_EXISTS", "there is a stream of this delivery and endpoint already")
	// ErrTooMany says that the client has as many streams as it may, or the
	// stream as many subjects.
	ErrTooMany = fault.New(fault.Refused, "TOO_MANY", "there are as many as there may be")
	// ErrMoved says that the stream was changed meanwhile.
	ErrMoved = fault.New(fault.Conflict, "STREAM_MOVED", "the stream was changed meanwhile: look again")
	// ErrTooSoon says that the last verification was asked for a moment ago.
	ErrTooSoon = fault.New(fault.Refused, "VERIFICATION_TOO_SOON", "a verification was asked for a moment ago")
	// ErrDisabled says that a stream which keeps nothing was asked to.
	ErrDisabled = fault.New(fault.Refused, "STREAM_DISABLED", "the stream is disabled: enable it first")
	// ErrNotPolled says that the stream's events are pushed.
	ErrNotPolled = fault.New(fault.Refused, "STREAM_NOT_POLLED", "the events of this stream are pushed, not polled")
)
