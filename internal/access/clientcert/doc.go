// Package clientcert reads the certificate of a TLS client out of the header in
// which a reverse proxy passes it on. There are four forms:
//
//	rfc9440   Client-Cert: :base64 of DER:                       RFC 9440; Caddy, as configured
//	xfcc      X-Forwarded-Client-Cert: Hash=...;Cert="..."       Envoy
//	nginx     X-SSL-Client-Cert, X-SSL-Client-Verify: SUCCESS    nginx, $ssl_client_escaped_cert
//	traefik   X-Forwarded-Tls-Client-Cert: base64 of DER[,...]   Traefik, passTLSClientCert
//
// Whoever can write such a header is whoever they like, so that this package
// trusts no more than it must:
//
//   - Whoever asks says which form the proxy writes. A header of another form,
//     even an empty one, is an error: the proxy did not drop what its client sent.
//   - A header that is there twice is an error, and so is a list where the form
//     has none: one of them is the client's.
//   - There is one way to write each certificate. What is encoded otherwise, twice,
//     with line ends, padding or anything else in odd places, is an error.
//   - Everything is bounded before it is looked at.
//
// It says which certificate the proxy saw, and nothing about whether it is good:
// who issued it, whether it is revoked, and whose it is, is for the caller. And it
// takes for granted that the request is the proxy's: that, too, is for the caller.
package clientcert
