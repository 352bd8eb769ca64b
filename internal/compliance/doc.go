// Package compliance says what is asked of a phone, hears how it is, and
// judges whether it is fit.
//
// Administrators write policies; a policy names the devices it is for. From
// every policy that applies to a device [Compile] makes one [Manifest]: the
// most restrictive value of each setting, with a revision that is the hash of
// its content. The device applies it and sends a [Report]: its posture and how
// far it is with each setting. [Evaluate] turns manifest and report into a
// [Verdict]:
//
//	             first report
//	unknown ──────────────────────▶ compliant
//	   │                            │      ▲
//	   │        a finding in force, │      │ a report that cures
//	   │        or time passes      ▼      │ every finding
//	   └───────────────────────▶ non-compliant
//
// Time alone only ever makes a verdict worse: evidence grows old, a grace
// ends, a secret or a certificate expires. A verdict therefore knows when it
// will turn, and [Service.Sweep] looks then.
//
// # What is promised
//
// A report holds nothing about the personal side of a phone. A finding says
// which rule, what was expected, what was seen, how old the evidence is, since
// when, and what the person can do. A report older than the last one never
// overwrites it. A report of one enrolment says nothing about the next.
//
// # What is kept in memory
//
// Policies are held as one immutable snapshot, numbered by a generation that
// every policy change raises. Where this process is the only writer
// (Config.Cache) the last state of each device is held as well, and a report
// that says nothing new costs no database access: its later time is written
// by [Service.FlushEvidence]. After a crash such evidence looks older than it
// was, which can only make a verdict stricter. Where several servers share a
// database, each report is compared with the database and stored.
package compliance
