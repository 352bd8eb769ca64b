// Package ssf is the door for receivers of events: a transmitter of the OpenID
// Shared Signals Framework 1.0, as the CAEP Interoperability Profile 1.0 has it.
//
//	/.well-known/ssf-configuration         GET                   for everybody
//	/.well-known/oauth-protected-resource  GET                   for everybody (RFC 9728)
//	/ssf/streams                           GET                   ssf.read
//	                                       POST PATCH PUT DELETE ssf.manage
//	/ssf/status                            GET                   ssf.read
//	                                       POST                  ssf.manage
//	/ssf/subjects/add, /ssf/subjects/remove, /ssf/verify   POST  ssf.manage
//	/ssf/poll/{stream_id}                  POST                  ssf.read (RFC 8936)
//
// What it promises:
//
//   - A client sees the streams that it made. Another's is as one there is not.
//   - Everything is bounded: a body has 1 MiB and a depth of 16, a poll 100
//     events and about 25 seconds, a client ten polls at a time.
//   - A body with a member twice is refused: which of the two counts is nothing
//     to guess at. Members that are not known are passed over.
//   - authorization_header is never shown again. A PUT without it takes it away;
//     a PATCH that leaves the endpoint where it is keeps it, and one that moves
//     the endpoint says it anew.
//
// Where the standard leaves a choice: a null is as a member that is missing; a
// verification of a disabled stream is taken and comes to nothing, because such
// a stream keeps nothing; a simple subject of the format email stands for the
// complex one that has it as user. The member alg, RS256 where it is missing, is
// no part of the standard: it says what the events of the stream are signed by.
package ssf
