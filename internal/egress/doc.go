// Package egress makes the HTTP client that calls where somebody else said: the
// endpoints of streams and webhooks. Whoever may name an endpoint could otherwise
// have the server call what only the server reaches: its own machine, the
// company's network, a cloud's metadata.
//
//   - https only, no redirects, bounded answers and times, no proxy, no cookies.
//   - A host is resolved here, and the address that is called is the one that was
//     looked at: a name cannot resolve to another one in between.
//   - Addresses that are not public are refused, whatever way they are written:
//     private, loopback, link-local, shared, multicast, reserved, and IPv4 inside
//     IPv6. Config.AllowPrivate makes exceptions.
package egress
