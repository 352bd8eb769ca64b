// Package forwardauth lets reverse proxies ask at the door: nginx with
// auth_request, Traefik with forwardAuth, Caddy with forward_auth and Envoy with
// ext_authz over HTTP.
//
//	person ──▶ proxy ──▶ app
//	             │ GET /forward-auth?app=wiki&cert=nginx&answer=nginx
//	             ▼
//	           Check ──▶ who is it? ──▶ access.Service.Decide ──▶ 200, 401, 403
//	                                                     │
//	person ──▶ Remedy ◀── /forward-auth/remedy/TOKEN ◀───┘
//
// [Door.Check] answers proxies. What the proxy is like is in the query, which the
// administrator writes into the proxy's configuration:
//
//	app        the app, as policies name it; required
//	cert       how the proxy passes the client's certificate on: rfc9440, xfcc,
//	           nginx, traefik (see package clientcert); none unless said
//	answer     what the proxy understands: nginx (no body; 200, 401, 403),
//	           envoy (a page; 200, 401, 403), page (a page) or plain (a line); page
//	           unless said
//	client     browser, native, active-sync, other; browser unless said
//	owed       401: what can still be done is asked for by 401 instead of 403
//	assertion  bearer: a device assertion counts without the certificate that it
//	           is bound to; such a session is not certificate-bound
//
// Envoy cannot send a query of its own: it asks at /forward-auth/with/app=wiki&.../
// with the person's path and query behind it.
//
// The rest is in headers, which the proxy must set itself, dropping what its
// client sent: X-Ringfence-User, X-Ringfence-MFA: true, X-Forwarded-For (its last
// entry) or X-Real-IP, X-Forwarded-Method, -Host and -Uri or X-Original-URL. Only
// X-Ringfence-Assertion may be the client's: it is signed. Groups are never taken
// from a header.
//
// It answers with X-Ringfence-Decision, -Reason, -Owed, -Remedy, -User, -Device,
// -Registration, -Session (labels) and -Sign-In-Every (seconds), and is never to be cached.
//
// What it promises:
//
//   - 2xx is said when a decision allows, and never else: whatever goes wrong, or
//     cannot be read, shuts.
//   - That the request is a trusted proxy's is not checked here: whoever serves
//     Check must have done it.
//   - Everything that is read is bounded. A body is not read.
//   - A certificate and a user that do not belong together do not come in.
//
// [Door.Remedy] is a page for people who were turned away: what is wrong, since
// when, and what to do about it. Its link holds for an hour, and shows how things
// are when it is opened. It is for anybody who has the link; that cannot be
// guessed or read.
package forwardauth
