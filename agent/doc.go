// Package agent is the device side of Ringfence, put together: somebody who
// writes an agent for real phones imports it, implements Device for the phone,
// and calls Enroll and Run. Package agent/phone is such a Device, a virtual
// Android phone in a folder.
//
//	session   how a phone joins, keeps its certificate, listens and checks in
//	policy    makes the phone be as the manifest asks, setting by setting
//	wipe      verifies orders, carries them out once, and says what was removed
//	lease     how long the phone may be out of contact, and what then
//	answer    what a "no" of the server means
//
// What it promises the phone's owner: nothing is removed but by an order that
// is signed for this phone and this enrolment, has been acknowledged, and names
// the work profile or the work data of named apps. No other answer of the
// server removes anything of theirs. Loss of contact with it locks the work side,
// and takes it in the end, if the company wants a lease and has signed an order
// for that case; it never touches the person's. Only a phone that is the company's
// own knows of an order for the whole device, and how to carry it out.
package agent
