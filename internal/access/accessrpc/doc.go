// Package accessrpc is conditional access on the wire: it translates, calls the
// slice and translates back. It returns faults; the server maps them to statuses.
//
// A stream of decisions holds nothing but its questions and, of each answer, what
// was last told of it. It is rung, which never waits for it, and decides again
// what may have changed, so a client that reads slowly hears of fewer answers,
// always of the newest ones, and holds up nobody.
package accessrpc
