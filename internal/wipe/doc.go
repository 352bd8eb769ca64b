// Package wipe takes the company's data back from a phone, and nothing else.
//
// # What the phone's owner is promised
//
//   - Of a phone that is theirs, the work side goes, or the work data of named
//     apps, and nothing else. A whole device is a scope that only a company's
//     device can have (OfWholeDevice): for a person's phone no value, no message
//     and no row expresses it. Where a company's device has a personal side too,
//     it goes only if the request says that this is known.
//   - Of a phone that nobody has enrolled, the data of one work account in one
//     app goes, by an order for that registration, and nothing else on it can be
//     named.
//   - An order is for one enrolment (epoch) of one phone, or one epoch of a
//     registration. It is signed, says when it ends, and is void once that is over.
//   - What is named before a wipe (Outlook) says what stays, the personal side
//     first.
//   - An order says why, and who gave it. Each step is in the record.
//
// # What the administrator is promised
//
//   - Done is what the device said and signed, with a receipt that fits the
//     order. No call that returned, no time that passed and no enrolment that
//     ended makes an order done.
//   - Until the device promises to act (Acknowledge), Cancel stops it. The
//     promise is kept on the server before the device removes anything, so
//     that of Cancel and Acknowledge exactly one wins and both sides know which.
//   - The same request twice is one order, the same report twice is one report.
//   - No order is lost: it waits until the device answers, its time is over,
//     or its epoch is.
//
// # What everybody is promised
//
// One stolen administrator cannot burn the fleet. Whoever asks in whatever way,
// no more devices get an order than one person's budget has: see Judge. What a
// policy orders by its verdicts (WipeByPolicy) is charged to nobody, is for
// registrations only, and no more of it is let through than the breaker does.
//
// # Scopes
//
// From the narrowest: lock (takes nothing), app data, work profile, relinquish
// (a company's phone, whose work side goes and which the person keeps) and whole
// device. Which device can have which is one closed table, Allowed.
//
// A registration of an app is a device here: it has an id, epochs, orders, and an
// app that answers for them with a key of its own. Its mode is AppAccount, and there
// is one order for it: the data of its own app (Facts.App), after which it ends as
// an enrolment does after a work profile. It is in no group.
//
// # The life of a request
//
// An administrator asks; that is a request. Orders come of it, never without.
//
//	          needs nobody                 stop
//	ask ─────────────────────▶ EXECUTED ─────────▶ STOPPED
//	 │                            ▲                   ▲
//	 └─ needs a second person ─▶ WAITING ─────────────┘
//	              approve ────────┘ │ │ └─ 24 hours ─▶ EXPIRED
//	                          reject│ └─ approve, and it was overtaken ─▶ VOID
//	                                ▼
//	                             REJECTED
//
// In full, with "." for no change and refusals in brackets. "Again" is an approval
// by yet another person, "overtaken" one after the plan, or the limits, have
// changed, the breaker has opened anew, or the credential that asked was revoked;
// "late" is after the 24 hours:
//
//	               approve     again       overtaken   reject      stop        sweep       lift
//	waiting        executed    executed    void        rejected    stopped     .           (finished)
//	  late         (expired)   (expired)   (expired)   rejected    stopped     expired     (finished)
//	executed       .           (finished)  (finished)  (finished)  stopped     .           (finished)
//	  of a person  .           (finished)  (finished)  (finished)  stopped     .           lifted
//	  of everybody .           (finished)  (finished)  (finished)  (finished)  .           (finished)
//	rejected       (finished)  (finished)  (finished)  .           (finished)  .           (finished)
//	expired        (expired)   (expired)   (expired)   (finished)  (finished)  .           (finished)
//	stopped        (finished)  (finished)  (finished)  (finished)  .           .           (finished)
//	void           (finished)  (finished)  (finished)  (finished)  (finished)  .           (finished)
//
// What is approved is executed in the same transaction, once. Stopping what was
// executed cancels its orders as far as no device has acknowledged them. A wipe
// of everything of one person stands until it is lifted: enrolments of that
// person that come meanwhile get an order too, each its own; what enrols after it
// was lifted is left alone. If nobody has approved it, it ends with the credential
// that asked for it.
//
// # Who may, and how much
//
// Judge decides it, on the facts that lie on the Desk, and in this order:
//
//   - Role: a help desk locks, and wipes app data, one device at a time; an
//     operator and an owner ask for anything; a viewer and an approver for
//     nothing. A device outside the caller's groups is not there. What is not
//     bounded by groups (limits, leases, the breaker, a wipe of a person) takes a
//     caller who is not either.
//   - Breaker: it opens by itself when too much of the fleet gets orders in a
//     short time, whoever gives them. Everything pending is paused then, and
//     nothing new is taken, locks apart.
//   - Budgets: per person, with all credentials together, and for everybody; per
//     hour and per day; a new credential has one device an hour, locks apart. They
//     are charged to who asked, when orders come to be, and nothing gives anything
//     back.
//   - Second person: for a whole device, for many work profiles, and for the
//     second device in a day by a new credential, locks apart. Another person, not
//     another credential: MayDecide. So it is for looser limits, a stricter lease,
//     and for closing the breaker. What is tighter holds at once.
//   - Cooling-off: orders to several devices at once exist, are seen and can be
//     stopped, and are not given to any device before its end.
//
// Plan shows what a request would do, device by device. A request for several
// devices names the digest of that plan, and is refused, or void when it is
// approved, if the plan would be another by then.
//
// # The life of an order
//
//	    request, lease, policy
//	      |
//	      v     not now
//	  PENDING <----------+
//	      | fetched      |
//	      v              |
//	 DELIVERED ----------+----> CANCELLED   by an administrator
//	      |              +----> EXPIRED     its time or its epoch is over
//	      | promise,     +----> FAILED      the device could not
//	      | commitment
//	      v
//	ACKNOWLEDGED -------------> FAILED      the device could not
//	      |              +----> EXPIRED     its epoch is over: not confirmed
//	      | receipt
//	      v
//	    DONE ---- work profile and wider: the enrolment ends, then it is settled;
//	              of a registration, app data: the registration ends
//
// PENDING leads wherever DELIVERED does: after "not now" the device still holds
// the order. In full, with "." for no change and refusals in brackets; "late"
// is after the order's time:
//
//	             deliver        acknowledge    not_now        done           fail           refuse         cancel         expire         end
//	pending      delivered      acknowledged   .              (not ack.)     failed         noted          cancelled      .              expired
//	  late       (expired)      (expired)      (expired)      (not ack.)     (expired)      noted          cancelled      expired        expired
//	delivered    .              acknowledged   pending        (not ack.)     failed         noted          cancelled      .              expired
//	  late       (expired)      (expired)      (expired)      (not ack.)     (expired)      noted          cancelled      expired        expired
//	acknowledged .              .              (acknowledged) done           failed         noted          (acknowledged) .              expired
//	done         (finished)     (finished)     (finished)     .              (finished)     noted          (finished)     .              .
//	failed       (finished)     (finished)     (finished)     (finished)     .              noted          (finished)     .              .
//	cancelled    (cancelled)    (cancelled)    (cancelled)    (cancelled)    (cancelled)    noted          .              .              .
//	expired      (expired)      (expired)      (expired)      (expired)      (expired)      noted          (finished)     .              .
//
// An order that is held (its cooling-off lasts, or the breaker is open) keeps its
// state, is not given, and is refused to a device that acknowledges it (ErrPaused).
//
// "Not now" is for before the promise only. Afterwards something may be gone
// already, and an order that went back could be cancelled as if nothing were.
//
// "Refuse" is noted in the order, up to MaxRefusals times, and changes no state:
// the device says that what it was given as this order is not a good one. Whoever
// could change an order on its way must not be able to end it so. An order that
// is good, and that the device cannot carry out, is "fail".
//
// # Sequence
//
// The store numbers the orders of a device, across its epochs, and the number is
// signed. A device acts on an order only if its number is greater than that of
// every order it has acted on: so one that comes again never passes. An order that
// the device has gone past before it promised anything, because it was held or put
// back while a later one was acted on, is given a new number with its next
// delivery; what was signed with the old one is void then.
//
// # Two words for what ends the enrolment
//
// The keys in a work profile go with it. So the device promises with a
// Commitment, signed by its device key: what it will remove, and the public half
// of a key that it made for this one receipt. What it removed it then confirms
// with that key. Both are kept as they were signed (Proof) and can be shown to
// third parties (Evidence). In between, and for good if nothing follows, the
// order is "committed, not confirmed": see Confirmation. The first commitment
// kept holds; another one, even from the same device, is refused (ErrCommitted).
//
// App data and locks leave the device key alone: there the promise is plain, and
// the receipt is signed by the device key. So it is with an app's key, which goes
// only after the receipt.
//
// # Leases
//
// A lease says for how long a phone may be without contact before it locks, and
// then wipes, its work side by itself. The order for that is signed in advance and
// bound to the lease and the enrolment (FetchLease); the server knows no more than
// that the phone was given it (LeaseHolder), perhaps without having heard the
// answer, and presumes, never confirms
// (LeaseStatus). An order that exists comes of it with the phone's first word
// that it has acted. Such an order is the phone's own: it is charged to nobody,
// nothing holds it, and it counts for the breaker.
//
// # How it works
//
// Plan, Admit, Judge and Apply decide and do nothing; Service loads, asks them,
// saves and rings. Whatever makes orders, or changes how many may be made, is
// decided at a desk (Desks.Decide): one decision at a time in the installation,
// saved with its record in one transaction, or not at all. What a device reports
// needs no desk: Store guards every change with the order's version, so the loser
// of a race looks again and hears what the winner did. What a crash leaves undone,
// such as ending an enrolment after its work profile is gone, Sweep does later.
package wipe
