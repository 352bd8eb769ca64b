// Package phone is a virtual Android phone in a folder, laid out as Android
// lays out its data:
//
//	data/user/0/<package>/               the person's side
//	data/user/0/<package>/work-account/  an app's work data where there is no work profile
//	data/user/10/<package>/              the work profile, while there is one
//	data/app/<package>/                  what is known of an installed app
//	data/media/0/                        the storage that all apps share
//	misc/keystore/                       private keys, mode 0600
//	misc/keystore/apps/<package>/        the keys of one app, with their counters
//	misc/appsdk/, misc/clipboard/        what apps share: the device tag, the clipboard
//	misc/certs/                          client certificates, one record an alias
//	misc/cacerts/                        certificate authorities installed by policy
//	misc/vpn/                            VPN connections
//	misc/policy/                         the manifest, its results, the PIN rules
//	agent/                               the agent's own: state, journal, settings, lease, locks
//
// It is what the agent's rooms need of a phone: a store for session, a device
// for policy and for wipe.
//
// Of the person's side of a personal phone the package can name one thing, the
// work-account folder of an app, and removes it when an order names the app. It
// opens folders one by one and never through a symbolic link, so that a link in
// the work profile that points at the person's files leads nowhere: what is
// removed is the link.
//
// A phone that is its company's own can be put back to how it left the factory:
// then everything goes but the agent's folder and the keys it tells so with. What
// does that hangs on the enrolment (session.Company); a personal phone has neither.
//
// An app opens its part of the phone with OpenApp, one process at a time, and
// gets its folders, its keys, and what it may know of the phone. The keys lie
// outside its folders: a backup of those brings none back, and lowers no counter.
//
// The work side can be locked beside its PIN, by an order until the person opens
// it, and by the lease until there is contact with the server.
//
// Every write is whole or absent (temporary file, fsync, rename, fsync of the
// folder), and one agent at a time works on a phone.
package phone
