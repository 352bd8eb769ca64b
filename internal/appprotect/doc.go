// Package appprotect guards work data inside apps, on phones that nobody has
// to enrol.
//
// Administrators write policies. A policy names the apps, the people and the
// management levels it is for, and says settings. From every policy that
// applies to one person in one app at one level, [Merge] makes one
// [Effective]: the most restrictive value of each setting, who made it so, and
// a revision that is the hash of its content. The app holds to it:
//
//	policies ──Merge──▶ effective ──Expanded──▶ what one registration is sent
//	                        │
//	     a report, facts ───┼──Evaluate──▶ ok, warn, block or wipe, and why
//	     a transfer ────────┼──May───────▶ may this go there?
//	     a session ─────────┼──Access────▶ what is asked of the person now
//	     a new PIN ─────────┴──CheckPIN──▶ what is wrong with it
//
// Everything here is a pure function of what is passed in, so the server and
// the app decide alike, the app also without a network.
//
// # Words
//
// A setting is one thing a policy can say; the catalog ([Catalog]) has a row
// for each, which gives its name, its values, its default and how two policies
// that say it are merged. A setting is added by declaring it, and nowhere
// else. A check is a condition of launch; it has up to three thresholds, each
// for one action: warn, block, wipe. A gate is a way by which data enters or
// leaves the app. A peer is who is on the other side of a gate. The level is
// how the phone is managed: not at all, a work profile, or fully.
//
// # How policies meet
//
// What a policy does not say, it does not ask. Where no policy speaks, the
// default holds. Where several do, the strictest value holds: a gate that any
// of them shuts is shut, lists of what is allowed intersect, lists of what is
// forbidden unite, and each threshold of a check is merged for itself, so that
// nobody is wiped for a condition under which no policy asked for a wipe. An
// exception counts only if every policy that makes the restriction makes the
// exception too.
//
// # What is promised to the phone's owner
//
// A policy governs one work account in one app; the personal accounts in the
// same app, other apps and the phone are out of its reach: there is no setting
// and no value by which it could say more. A wipe here is of that account's
// data. A report holds no identifier of the hardware, nothing personal, and
// never the PIN. What an app does not report can block it, and never wipes it.
// A verdict names the check, the threshold, what was seen and the remedy.
//
// # What is not promised
//
// An app that does not ask is not held back: the gates guard against people,
// not against the app they are built into. What the phone says of itself can
// be forged by whoever owns its kernel; the integrity check is the part that
// is hard to forge. Screenshots by a second camera exist.
package appprotect
