// Package pki is the certificate authority of one installation, the readers of
// what strangers send it (certificate requests, PEM bundles, signed messages),
// and the TLS configurations built on it.
//
// One root, and below it one issuing authority for each purpose, so that a
// certificate of one purpose can never stand in for one of another:
//
//	root ─┬─ server   TLS servers: the listeners' own certificates
//	      ├─ device   TLS clients: enrolled phones, on the device listener only
//	      ├─ app      TLS clients: apps' registrations, on the device listener only
//	      ├─ admin    TLS clients: administrators, on the admin listener only
//	      ├─ profile  certificates that policies ask for; no listener trusts them
//	      ├─ orders   one signing certificate, for wipe orders
//	      └─ leases   one signing certificate, for the leases of apps
//
// Three things keep the purposes apart: each issuing authority is limited by
// extended key usage; a listener's only anchors are the issuing authorities of
// its clients, and which of them issued a certificate says what it is for; and
// the key usages of orders and of leases are in no issuing authority, so that
// nothing but the root's own signing certificates can carry them.
//
// On disk, in a folder that only the server's user can read:
//
//	lock                held while the folder is written
//	authority/*.pem     root and issuing authorities: certificate and key
//	orders.pem          the signing certificate of wipe orders and its key
//	leases.pem          the signing certificate of leases and its key
//	audit.key           the key that signs the record
//
// The authority folder is made elsewhere and moved into place in one step: it
// is whole or absent. An older one is without app.pem, which follows from the
// root and is added when the folder is opened. Servers that share a database
// share this folder too, or have copies of it.
package pki
