// Package wipe carries out the server's orders to take the company's data back.
//
//	order ──verify──▶ accepted ──server says OK──▶ acknowledged ──▶ removed ──▶ reported ──▶ finished
//	                     │
//	                     └──server says no, or not now──▶ cancelled or dropped: nothing was removed
//
//	lease ──verify──▶ kept ──runs out──▶ committed ──▶ removed ──contact──▶ told ──▶ reported ──▶ finished
//
// An order is content signed by the order signer under the root that the phone
// has trusted since it joined; it names this phone, this enrolment, its own end
// and its number. Whatever does not verify changes nothing here. The phone tells
// the server that it refuses it, and of what came it names only the id that the
// server gave it by.
//
// # Sequence
//
// The server numbers the orders of a device. The phone acts on an order exactly
// if its number is greater than that of every order it has acted on, or if it is
// the one in the journal that is under way. Acting begins when the server has
// kept the promise: the number is written with that step, before anything is
// removed. So:
//
//   - What comes again, or late, is refused, even if the journal has forgotten it.
//   - What was cancelled, put back, held back by the server (ORDER_PAUSED),
//     impossible or not answered uses no number up.
//   - Orders that come together are taken by number. While one has to wait, for
//     the phone or for the server, those after it wait too: otherwise it could
//     never be acted on.
//   - An order that ended here without an act and comes again is not acted on
//     either, unless the server never knew of the promise (Dropped).
//
// # Two words where the enrolment ends
//
// With a work profile, or everything, go the keys of the enrolment. So the phone
// first makes a key for this one receipt, outside of what goes, and signs by its
// device key what it will remove and the public half of that key: the commitment,
// which goes with the promise. It is written down before it is first sent, and is
// the same in every life; the signature around it is made anew, because the device
// key may be renewed meanwhile. After the removal the key signs the receipt, which
// names the commitment by its digest, and is destroyed once that is answered.
//
// # A lease
//
// The order of a lease is verified when it comes, kept, and carried out without
// the server, once package lease says so. It is never taken for an order for now,
// nor such an order for it. The promise then needs no yes: the commitment is in
// the journal before the first removal, and the server gets both words when there
// is contact again. Device key, commitment and receipt key stay until then.
//
// # The whole device
//
// An order for it is signed in another form, comes by another call, and is read
// only where an Enrollment has a CompanyDevice, which alone knows the steps. A
// personal phone has none, so that whatever it is handed, in whatever way, there
// is no code that such an order could reach.
//
// # The journal
//
// Each arrow is written to the journal, durably, before the next begins. A
// phone that dies anywhere in between goes on at its next start: it never acts
// before the server has kept its acknowledgement, never acts twice for one
// order, and never leaves an acknowledged order half done. What will be removed
// is counted before the first removal, so that the receipt is exact even when
// the removal took several lives.
//
// The package removes nothing itself: a Device names the steps of a scope and
// takes them. None of its scopes is wider than the work profile.
package wipe
