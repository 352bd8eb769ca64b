// Package wipe takes the company's data back from a phone, and nothing else.
//
// # What the phone's owner is promised
//
//   - Two things can be ordered: that the work profile goes, or that the work
//     data of named apps goes. Scope can hold nothing else, the wire has no
//     message for anything else, and the database takes nothing else.
//   - An order is for one enrolment (epoch) of one phone. It is signed, says
//     when it ends, and is void once that enrolment is over.
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
// # The life of an order
//
//	    order
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
//	    DONE ---- work profile: the enrolment ends, then it is settled
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
// every order it has acted on. This server gives orders in that order, and a
// later one is never acted on while an earlier one can still be given: so an
// order that was put back, that is one of several, or whose predecessor was
// cancelled, always passes, and one that comes again never does.
//
// # Two words for a work profile
//
// The keys in a work profile go with it. So the device promises with a
// Commitment, signed by its device key: what it will remove, and the public half
// of a key that it made for this one receipt. What it removed it then confirms
// with that key. Both are kept as they were signed (Proof) and can be shown to
// third parties (Evidence). In between, and for good if nothing follows, the
// order is "committed, not confirmed": see Confirmation. The first commitment
// kept holds; another one, even from the same device, is refused (ErrCommitted).
//
// App data leaves the device key alone: there the promise is plain, and the
// receipt is signed by the device key.
//
// # How it works
//
// Plan, Admit and Apply decide and do nothing; Service loads, asks them, saves
// and rings. Store guards every change with the order's version, so the loser
// of a race looks again and hears what the winner did. What a crash leaves
// undone, such as ending an enrolment after its work profile is gone, Sweep
// does later.
package wipe
