// Package notify tells people what the record says they must know: that a
// request waits for approval, that a budget is exhausted, that the breaker opened.
//
// # The record is the outbox
//
// Every change is recorded in its own transaction, so nothing is queued beside
// it: a [Follower] keeps, for each channel, the sequence up to which the channel
// has told the record, and reads on from there.
//
//	record:   … 16  17  18  19  20          17 and 20 are told
//	cursor:      ▲───send 17───▲            saved once the receiver has taken it
//
// What is committed is told, at least once: a server that dies between sending
// and saving sends again, with the same id ([Notice.ID]), by which receivers
// know it. What is undone is never told. A channel that is new begins at the end
// of the record; one that was switched off goes on where it stopped.
//
// # Channels
//
// [Webhook], [Mail], and [Log], which every server has: it counts alerts and
// writes them into the log. Each has its own cursor, claim and backoff, so one
// that fails never holds up another. Within a channel notices keep their order:
// one that cannot be sent holds up those behind it.
//
// # What somebody wrote cannot silence a channel
//
// A notice carries words of people, such as the reason of a wipe. A filter at
// the receiver may refuse them, and whoever knows the filter could write a reason
// that holds up every alert after it. So a notice that the receiver refuses is
// sent once more without those words ([Notice.Bare]).
//
// # Several servers
//
// One at a time tells through a channel: it claims the channel's cursor by
// compare-and-swap, renews the claim with each notice, and leaves it when it has
// told all, or fails. A claim left by a crash runs out. Were clocks to disagree
// by more than that, notices would be sent twice, and none lost.
package notify
