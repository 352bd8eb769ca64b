// Package transmit tells other systems, the moment it is recorded, what access is
// decided on: that a phone's standing changed, that its sessions are over, that a
// certificate was issued or revoked. It is a transmitter of OpenID Shared Signals
// (SSF 1.0) with CAEP 1.0 events, and sends the same as webhooks.
//
// # From the record to the receiver
//
//	record ──Fanout──▶ outbox ──Deliverer──▶ receiver that is pushed to
//	        translate          └──Service.Poll──▶ receiver that asks
//
// Every change is recorded in its own transaction, so the record is what is
// followed. [Fanout] reads on from one cursor, works out what entries mean (see
// the table of translations), and stores, in one transaction, the cursor, what
// each device is told to be, and an item for every stream that is told. So
// nothing that was recorded is lost, nothing is put into the outbox twice, and
// previous_status is what receivers were told before. What is as it was is not
// told again.
//
// [Deliverer] hands over what waits, with a goroutine for each stream: none waits
// for another. An item leaves the outbox once its receiver has it. A server that
// dies in between hands it over again, with the same jti and claims. Of one
// device the order is kept; of one stream up to 8 requests are under way.
//
// Both are woken: nothing is polled on the way. A slow tick is for what other
// servers wrote, and for receivers that failed.
//
// # Receivers that fail
//
//   - One that is down is left alone for 1 s, doubling up to 5 min, and then asked
//     with one item. After a day its stream is paused, which keeps everything.
//   - An item that is refused (RFC 8935: 400 with err), or that alone fails for a
//     day, is put aside. Administrators see and redeliver it for 30 days.
//   - Where more waits than may, the stream is paused; where it keeps twice as
//     much while paused, it is disabled, which drops it. Receivers are told of
//     what they did not ask for (stream-updated), whatever the status.
//
// # Several servers
//
// The cursor moves by compare-and-swap: of two servers that tell the same, one
// does. One server at a time hands over what waits for a stream: it claims the
// stream, and gives it up when nothing waits. A claim left by a crash runs out.
//
// # What is said of people
//
// An event names the device and its user, as the receiver needs it to end
// sessions. What people wrote into the record (why a phone was retired) is not
// told: reasons are this package's words and the names of rules. Items are kept
// until they are handed over. The headers and secrets of receivers are stored
// sealed, and endpoints, whose query may be a secret, are in no log.
package transmit
