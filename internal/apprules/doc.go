// Package apprules has the words of app protection, and what they mean: what a
// policy can say of an app, what an app can say of itself, and what follows.
// The server and the app both have this package, so that they decide alike,
// the app also without a network.
//
// [Merge] makes one of the settings of several policies, [Seal] an
// [Effective] with a revision that is the hash of its content. The app holds
// to it:
//
//	effective ──Expanded──▶ what one registration is sent
//	    │
//	    │ a report, facts ──Evaluate──▶ ok, warn, block or wipe, and why
//	    │ a transfer ───────May───────▶ may this go there?
//	    │ a session ────────Access────▶ what is asked of the person now
//	    └ a new PIN ────────CheckPIN──▶ what is wrong with it
//
// Everything here is a pure function of what is passed in.
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
// Configuration is what an app is told beside the settings, by the keys of its
// own [Schema].
//
// # Forms
//
// In Go a setting has a type. On the wire, in storage and for people it has
// its plain form, which is a list of texts: Plain writes it, [ParseSettings]
// and [ParseConfig] read it. What is written and read again has the same
// revision.
//
// # What is not promised
//
// An app that does not ask is not held back: the gates guard against people,
// not against the app they are built into. What the phone says of itself can
// be forged by whoever owns its kernel; the integrity check is the part that
// is hard to forge. Screenshots by a second camera exist.
package apprules
