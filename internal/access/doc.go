// Package access decides who may enter: conditional access.
//
// Its core is pure: what policies are, what they mean, and how a sign-in is
// decided and explained. Around it is a [Service], which keeps the policies, asks
// who is who, and answers the doors.
//
// Administrators write policies. A policy says whom and what it is for, under
// which conditions, and what it asks. [Compile] makes of all of them one
// immutable, indexed [Snapshot]. A door asks [Decide] about a [SignIn], with the
// [Facts] that are known of the phone and of the app:
//
//	policies, locations ──Compile──▶ snapshot ─┐
//	what the door saw ─────────────▶ sign-in ──┤
//	what we know ──────────────────▶ facts ────┼──Decide──▶ decision ──Explain──▶ why
//	the time ──────────────────────▶ now ──────┘
//
// [WhatIf] is the same with a sign-in that nobody has made. Everything is a pure
// function of what is passed in, so that any decision can be made again.
//
// # What policies mean
//
// A policy applies if all its conditions are met. Within one kind of condition
// any of the included values will do; no included values are every value; what
// is excluded is out, whatever else includes it. What nobody knows is the value
// "unknown", which is met only where it is listed or nothing is.
//
// There is no order among policies. Each that applies must be satisfied: by all
// of its controls, or by any, as it says. One that blocks wins over all others.
// Where none applies, the way is free. So a policy can only ever shut, and
// adding one never opens anything. Only an account that is out of use is denied
// without any policy.
//
// The answer is to allow, to deny, or to allow with something that is still
// owed. What is owed keeps its choices: "MFA, and a compliant device or a
// protected app". A legacy client, which nobody can ask for anything, is denied
// instead. Policies that report only are decided beside the others, without
// any effect.
//
// # Evidence has an age
//
// Two facts rest on evidence: whether the phone is compliant, and whether the
// app is fit. Each policy says how old that evidence may be. What is missing,
// stale or past the time at which it changes by itself does not count, and is
// named as the [Reason]. Time alone never turns evidence that does not count into
// evidence that does.
//
// A decision holds until [Decision.CachedUntil], unless one of its [Versions]
// changes before: until then, time alone does not change it.
//
// # When in doubt, shut
//
// The zero decision denies. A rule that cannot be finished counts as met. An
// attested platform outranks what a client says. Numbers that have no meaning
// are unknown. Names are compared in small letters, everywhere.
//
// # Rules
//
// Device filters and custom conditions are written in CEL, which package
// accesscel knows; here they are a [Filter].
//
// # The service
//
// [Service.Decide] takes a [Question] from a door: what the door saw, and which
// phone and app it has identified. It looks up the person in the [Directory], the
// phone in [Phones] and the app in [Accounts], each time anew, and decides by the
// policies in force: no answer rests on anything older than its question. Where
// this process is the only writer all of that is in memory. What nobody knows is
// left out, and so is the registration of another person. An error is no answer,
// and the door must deny.
//
// A change of a policy or a location is compiled with everything that is in force
// before it is stored, and is stored only if nothing else has changed meanwhile:
// see [Step]. So what is stored always compiles, whoever changes what at the same
// time, and one mistake cannot shut every door. Nothing that was in force is lost:
// [Service.WhatIf] decides as of any time since.
//
// # What is remembered of decisions
//
// A decision is counted in memory and never waits for the database. Of each kind
// of sign-in there is one [Sample]: who, on which phone and in which app, how,
// and from which network. The address is cut to that network before it is kept
// anywhere, /24 or /48; what the door asked in its own words is not kept at all.
// [Service.Flush] stores them. There are at most 20,000, and what has not been
// seen for 30 days is forgotten by [Service.Sweep]. What there is no room for is
// counted, and never in anybody's way.
//
// [Service.Report] replays the samples with the policies of now, and says what
// those that only report would do, one by one and together. Where a location is
// smaller than the network that is kept, its answer is that of the network's
// first address.
//
// For WhatIf, what was known of a phone or an app is kept for 90 days: whenever it
// is decided on, and whenever [Service.Remember] is told that it may have changed.
// If nothing but the age of the evidence changes, it is stored every four hours at
// most. What the directory said of people is not kept.
//
// # How it is fast
//
// For each name that policies mention the snapshot has the numbers of those
// that include and exclude it; for each value of a small condition, a set of
// those that it meets, a bit for each. A decision looks up the names of one
// sign-in, combines the sets, and looks at the policies that are left, at each
// demand once. It allocates nothing. Reasons cost more, and are put together
// only when [Decision.Explain] is called.
package access
