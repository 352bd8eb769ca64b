// Package extauthz answers Envoy's external authorization filter (the gRPC
// service envoy.service.auth.v3.Authorization): may this request go on?
//
// The calls must be Envoy's own: whoever can call says who is at the door. That
// the caller is an Envoy of ours is seen to outside of this package.
//
// # Who asks
//
// The phone, or the app on it, is the one whose certificate Envoy has verified:
// attributes.source.certificate, with include_peer_certificate. Only where that
// is absent and Config.TrustXFCC is set is the x-forwarded-client-cert header
// looked at, which another Envoy before this one must have written. A
// certificate that is not one of ours denies, whatever policies say.
//
// The person is what a filter before this one has found out, from the metadata
// at Config.User, else context_extensions "user", else the user of the phone. It
// is never a header: those are the client's. Where nobody is known nobody is let
// in.
//
// # What is asked for
//
// context_extensions of the route say it: "app", else the host of the request.
// A host is the client's own word as far as the virtual host's domains let it
// be. So routes with a wildcard in their domains name their app. "client" is the
// kind of client, "country" where it is, "owed" set to "401" asks for a 401
// where all that is owed is a second factor.
//
// # What is answered
//
// Every answer is a denial but one: policies allow. That also goes for what is
// wrong on our side, which is a denial with the status UNAVAILABLE and never an
// error of the call nor an error response: failure_mode_allow would let those
// pass.
//
// Upstream gets x-ringfence-decision, -device, -registration, -user and -session.
// What a client sends under these names, or any other beginning with
// x-ringfence-, does not get there. A denial has x-ringfence-decision and
// x-ringfence-reason, and says in its body what the person can do. The dynamic
// metadata says all this and what the answer was given on, to filters behind
// this one and to the access log.
package extauthz
