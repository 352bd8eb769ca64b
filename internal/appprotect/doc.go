// Package appprotect guards work data inside apps, on phones that nobody has
// to enrol.
//
// Administrators write policies. A policy names the apps, the people and the
// management levels it is for, and says settings. From every policy that
// applies to one person in one app at one level, [Merge] makes one
// [Merged]: the most restrictive value of each setting, who made it so, and
// the [apprules.Effective] that the app is sent. What a policy can say, and
// what follows from it, is in internal/apprules, which the app has too:
//
//	policies ──Merge──▶ merged ──Expanded──▶ what one registration is sent
//	                                              │
//	     a report, facts ─────────Evaluate────────┴──▶ ok, warn, block or wipe
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
// # A registration
//
// A registration is the work account of one person in one app on one phone. It
// is named by the person (issuer and subject), the device tag and the package;
// each time the app registers again it is in its next epoch:
//
//	Begin ──challenge──▶ the person signs in ──ID token──▶ Register
//	                                                          │
//	             ┌────────────────── epoch n ─────────────────┘◀──┐
//	             │ CheckIn, Renew                                 │ Register:
//	             ▼                                                │ epoch n+1
//	  over: signed out, self-wiped, wiped, retired, ──────────────┘
//	        registered again
//
// The nonce of the ID token ([Nonce]) names a challenge and a key. So the token
// is of use with no other key, and no second time; a Register that is repeated
// word for word is given its first answer for ten minutes, and opens nothing.
// What was issued to an epoch, and what was ordered for it, ends with it.
//
// A report has a number, which only grows within an epoch. What was overtaken is
// refused; what is repeated word for word is answered by how things are now.
// Each answer has the verdict, the policy, and a signed lease, which says how
// long the app may go on without the next. A check-in is one write, and where
// this process alone writes, it reads nothing of its own but from memory.
//
// The verdict is given on the policies, the directory's word and the enrolled
// phones as they are at that moment. Between reports Sweep gives it anew where
// the time has come, the policies have changed or the verdict says wipe, and
// PersonsChanged where the directory has. A verdict that says wipe shuts the app
// at once; the wipe itself is an order as any other, under everybody's limits,
// and asked for again by each Sweep until it can be given.
//
// # What is promised to the phone's owner
//
// A policy governs one work account in one app; the personal accounts in the
// same app, other apps and the phone are out of its reach: there is no setting
// and no value by which it could say more. A wipe here is of that account's
// data. A report holds no identifier of the hardware, nothing personal, and
// never the PIN. What an app does not report can block it, and never wipes it.
// A verdict names the check, the threshold, what was seen and the remedy. The
// record names checks, and no values. The device tag is random, gives no right
// to whoever claims it, and says nothing but that two registrations are on one
// phone.
//
// # What is not promised
//
// Package and signer are the app's own word, as is its report: who has the
// person sign in to a forged app has a registration of that person, and only
// that. A person's groups are those of the sign-in where no directory knows the
// person, and so as old as that.
package appprotect
