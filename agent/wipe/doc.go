// Package wipe carries out the server's orders to take the company's data back.
//
//	order ──verify──▶ accepted ──server says OK──▶ acknowledged ──▶ removed ──▶ reported ──▶ finished
//	                     │
//	                     └──server says no──▶ cancelled or dropped: nothing was removed
//
// An order is content signed by the order signer under the root that the phone
// has trusted since it joined; it names this phone, this enrolment and its own
// end. Whatever does not verify is as if it had never come: the phone neither
// acts nor answers.
//
// Each arrow is written to the journal, durably, before the next begins. A
// phone that dies anywhere in between goes on at its next start: it never acts
// before the server has kept its acknowledgement, never acts twice for one
// order, and never leaves an acknowledged order half done. What will be removed
// is counted before the first removal, so that the receipt is exact even when
// the removal took several lives.
//
// The package removes nothing itself: a Device names the steps of a scope and
// takes them. There are two scopes and none is wider than the work profile.
package wipe
