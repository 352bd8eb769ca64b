// Package rpc is the gRPC edge. Every call of every listener goes the same way:
//
//	request id → caller → rule → rate → (stream count) → decode → validate → handler → status, log line, metrics
//
// Nothing of a request is decoded before its sender is known and allowed. The
// caller is decided once, from the certificate; a method without a row in the
// rule table does not run; handlers return faults, which become a status here
// and nowhere else; whatever is not a fault is an internal error, whose text
// goes to the log only.
//
// Every call writes one log line with the keys request_id, method, caller,
// code, duration_ms, peer, and where they apply reason and err. It never holds
// a message, a token, a certificate or a person's name.
package rpc
