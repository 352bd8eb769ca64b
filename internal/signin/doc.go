// Package signin says who a person is: it verifies ID tokens of the OpenID
// Connect providers that the server was told of (OpenID Connect Core 1.0,
// section 3.1.3.7, with coreos/go-oidc).
//
//	token ──▶ form ──▶ issuer ──▶ keys ──▶ signature ──▶ claims ──▶ Person
//	          pure     by name    cached   go-oidc       go-oidc, pure
//
// What it promises:
//
//   - A token is looked at only as far as it is bounded: 16 KiB, compact form,
//     one signature, an algorithm of the list. Its issuer is one of those that
//     were configured, by exactly that name.
//   - It must be for this server (audience, authorised party), in time, and hold
//     the nonce that the caller asks for. There is no way to ask for none.
//   - Whoever sends tokens cannot make the server ask its providers more often
//     than every few seconds, and cannot keep out those with good tokens.
//   - The keys of a provider are at most an hour old: one that was withdrawn is
//     good for no longer.
//   - A provider that is down keeps no server from starting. Until it answers,
//     signing in is [ErrUnavailable], which is worth trying again; all else is
//     [ErrRefused], which says no more to whoever asks.
//   - The server asks providers over HTTPS, follows no redirect to another host,
//     and reads no more than it expects.
package signin
