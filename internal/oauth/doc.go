// Package oauth lets programs in at the doors that speak HTTP: identity
// providers, gateways and applications that ask for decisions or follow events.
// Each is a client with a secret of its own, made by an administrator. A client
// trades the secret for a token of an hour (OAuth 2.0 client credentials, RFC
// 6749 4.4; tokens as of RFC 9068), and shows the token at the doors (RFC 6750).
//
// What it promises:
//
//   - Of a secret there is a hash. It is shown once, to whoever made the client.
//   - A client that was revoked is let in nowhere from then on, with tokens that
//     were given out before, too.
//   - A token says nothing that the client could not do anyway: it opens what it
//     names and the client has.
//   - Who fails often is not looked at for a while. What worked a moment ago goes
//     on working meanwhile, since behind one address there may be others.
//   - What is wrong with a secret or token is not said.
package oauth
