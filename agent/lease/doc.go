// Package lease measures how long a phone has been out of contact with its
// server, and protects the work side by itself when that was too long: first it
// locks it, later it wipes it, under an order that the server signed in advance.
//
// Contact is a check-in that was answered. Each one begins the lease anew.
//
// # What is measured
//
// A phone has two clocks. The one on the wall can be set by anybody. The other
// counts since the phone was switched on, asleep or not, and nobody sets it; it
// says nothing of the time that the phone was off. So the phone reads both, each
// minute and at each start, keeps the readings, and adds up:
//
//   - seen: what the second clock has counted since contact, over every life of
//     the phone. It is true.
//   - off: for each time the phone was off, what the clock on the wall says that
//     this took, if it went forward. It is a claim.
//   - the wall: how far that clock went since contact, at the most.
//
// None of them ever falls but by contact.
//
// # What follows
//
// The work side locks when seen and off together, or the wall, reach
// lock_after; and at once when the clock on the wall stands more than five minutes
// before a reading that was taken since contact. Only contact opens it. A person
// who sets the clock ahead by mistake loses the work side until the phone has
// network again, and nothing more.
//
// The work side is wiped when seen and off together reach wipe_after, and seen
// alone a tenth of it. The wall does not count here: a clock that is set ahead
// while the phone is on wipes nothing, and one that is set back keeps nothing.
// The tenth is for the phone that was off for long: it is given that time to
// find its server, and a clock that went wrong while it was off is no reason by
// itself.
//
// So, of the silence as it really was: nothing is wiped before wipe_after unless
// the clock went too far ahead between the last reading of one life of the phone
// and the first of the next, and never before a tenth of it. And after wipe_after a
// phone that is on, whose agent runs and whose clock was right whenever it was
// switched on, is wiped: at once, or as soon as it has been on for a tenth.
//
// # What it cannot know
//
// A phone that is off measures nothing, and does nothing. Who switches it off,
// sets its clock back while it is off, and switches it on again hides the time it
// was off: the work side is locked at once if the clock then stands before the
// last reading, and the time off is missing from the wipe. Who sets it ahead
// meanwhile brings the wipe nearer, down to the tenth. Who takes the storage out
// of the phone is beyond all of this; the keys that the work side is encrypted
// with are the phone's matter.
//
// # Keeping it
//
// The record of all this is written, durably, before anything follows from it,
// so that a phone that dies in between comes to the same end at its next start.
// The order is kept only when it has been verified as any order is; it is carried
// out by package wipe, which writes down every step of it. It goes as soon as the
// manifest has no lease with a wipe. When the lease is another one, it stays until
// there is an order for that one, and the longer of both terms holds.
package lease
