// Package agent is the device side of Ringfence, put together: somebody who
// writes an agent for real phones imports it, implements Device for the phone,
// and calls Enroll and Run. Package agent/phone is such a Device, a virtual
// Android phone in a folder.
//
//	session   how a phone joins, keeps its certificate, listens and checks in
//	policy    makes the phone be as the manifest asks, setting by setting
//	wipe      verifies orders, carries them out once, and says what was removed
//	answer    what a "no" of the server means
//
// What it promises the phone's owner: nothing is removed but by an order that
// is signed for this phone and this enrolment, has been acknowledged, and names
// the work profile or the work data of named apps. No other answer of the
// server, and no loss of contact with it, removes anything of theirs.
package agent
