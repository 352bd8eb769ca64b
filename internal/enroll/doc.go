// Package enroll says who belongs: enrolment tokens, device records, the
// certificates that let devices and administrators in, and leaving.
//
// # One enrolment, one epoch
//
// A token lets a phone in, as what its maker sealed inside: ownership, mode,
// group and user. Join redeems it and opens an epoch, the time of one enrolment
// of one device. Whatever is meant for one epoch is void in the next.
//
//	 Join            Leave, RetireDevice, or a wiped work profile
//	──────▶ enrolled ──────────────────────────────▶ left | retired | wiped
//	         ▲  │ ▲                                            │
//	         └──┘ └────────────── Join, epoch + 1 ─────────────┘
//	     Join, epoch + 1: the older epoch ends as replaced
//
// A phone is known again by its hardware tag: it keeps its device id and gets
// the next epoch. Without a tag every Join makes a new device. A tag is the
// phone's own claim, which nothing proves yet: whoever holds a token and knows
// a phone's tag can take its place and so end its enrolment. They get what the
// token gives anyone, and the record shows it; they do not get at the data of
// the epoch that ended.
//
// # Which certificate works
//
// The one the device record names, by serial number:
//
//	issued by Renew ──first use──▶ current ──the next one's first use──▶ superseded
//
// Join's certificate is current at once. Nothing else works: not a superseded
// one, not an issued one that a later Renew replaced, not one of an epoch that
// ended. Nobody waits for a certificate to expire. Expiry itself is checked
// where the chain is, in TLS.
//
// # One key, one epoch
//
// A public key belongs to the first epoch that has it certified, for good. So a
// certificate request that was overheard or copied cannot be replayed for
// another device or another epoch. Two retries are let through, because a phone
// that missed an answer must be able to ask again:
//
//   - Join with the same token and the very same request, within ten minutes,
//     while that enrolment stands with that certificate, is given the first
//     answer again. It counts no use and changes nothing.
//   - Renew may certify a key again for the epoch that owns it. Keeping the key
//     gives no one else anything: the proof of possession and the epoch are the
//     same. Each answer replaces the one before it that was not used.
//
// # Ending
//
// The end of an epoch is durable first. Then this process forgets the
// certificates, rings the device's bell so that open streams look again, and
// settles the end: what other rooms must do about it, such as voiding wipe
// orders. The end is kept as unsettled until that has been done, so that a
// crash in between only delays it: see [Service.Sweep].
//
// # Deleting
//
// Deleting a record loses no order. It marks the record; the rest follows at
// once, or when the orders that wait for the device are settled: its enrolment
// ends and is settled, the other rooms forget the device, and at last what the
// record holds of the person and the phone is erased. Until then the record is a
// tombstone, which [Service.Sweep] finds whatever came in between. Id and epoch
// stay for good, so that neither comes again.
//
// A token forgets its user when every device that joined with it is purged and
// no other can join.
//
// # Who may
//
// An administrator's credential has a role, a person and, it may be, groups. The
// role is judged at the edge. The groups are judged here: devices and tokens of
// other groups do not exist for the administrator.
package enroll
