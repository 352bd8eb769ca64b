// Package policy makes a phone be as its manifest asks, setting by setting.
//
// A manifest is desired state: applying it again changes nothing, and what it
// no longer asks for is taken off. Each setting stands alone; one that fails
// does not hold up another, and each gets a result in the phone's own words.
//
// Keys of client certificates are made on the phone and never leave it. What is
// under way is written down before it is asked for, so that a phone that dies
// between asking and storing asks again for the same key and gets the same
// certificate. A certificate in use is replaced only by one that has arrived.
//
// A VPN's lockdown, which lets no traffic past the connection, is set only
// while the connection's certificate is in place and is lifted before that
// certificate goes: it must never cut the phone off from its management.
//
// The server checks what it sends; this package checks again what would become
// a name on the phone, or work without bound.
package policy
