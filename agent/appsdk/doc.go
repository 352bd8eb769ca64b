// Package appsdk is what an app embeds so that the work account inside it is
// guarded, on a phone that nobody has to enrol.
//
//	Open ─▶ Register(sign in) ─▶ Start ─▶ Decide(launch) ─▶ need-pin ─▶ Unlock ─▶ proceed ─▶ Files, May…
//	                                          │
//	                                          ├─▶ warn, block: say why (MessageKey, Findings)
//	                                          └─▶ wiped: the account's data is gone from the app
//
// One SDK is one work account, in a folder of its own. The app's personal
// accounts are none of its business: it is never told of them, and opens nothing
// outside its folder.
//
// # What is kept, and how
//
// All that the SDK knows is one record of package vault: secret, and the newest
// or none. Files are in a container. A folder that was restored from a backup
// therefore opens nothing: MessageKey "state_restored", until the person
// registers anew, for which everything is destroyed first.
//
// Every step is written down before it is taken, so that an app that is killed
// anywhere goes on where it was. A registration that got no answer is sent again
// as it was; a renewed certificate is used first while the old one still works.
//
// # When the account opens
//
// By a policy, and a lease that the server has signed for it: for this
// registration and epoch, with a number above all before, naming the policy by
// the hash of its content. What comes otherwise is not taken. Without both, the
// account is shut. A lease ends by two clocks, as package lease says: a clock
// that is set back shuts the account at once, and one that is set ahead opens
// nothing.
//
// The launch checks of the policy are judged here, on the phone as it is now,
// together with what only the server can know. A check whose action is "wipe"
// shuts the account, and is reported at once: the wipe is then the server's to
// order. By itself the SDK wipes in two cases: when the lease has run out for
// long enough, and when a PIN was wrong too often. It signs that it did, and says
// so when there is contact.
//
// # Wiping
//
// First it is written down why, then the account's key is destroyed, which makes
// everything unreadable, then the files and the PIN go; then the server is told.
// Signing out is the same. So the server hears only of what has happened.
//
// # What it cannot do
//
// It runs inside the app. Whoever can change the app, or read its memory while
// the account is open, is not stopped by it: root signals and integrity verdicts
// are for telling.
package appsdk
