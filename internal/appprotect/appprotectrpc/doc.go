// Package appprotectrpc is app protection on the wire: it translates, calls the
// slice and translates back, and it encodes what apps verify. It returns faults;
// the server maps them to statuses.
//
// A policy's settings are texts in the slice. On the wire, where people write
// them, a value may also be a number, true or false: 6 and "6" say the same. What
// cannot be a value is refused with the field that holds it, for example
// spec.settings.data.send_to.
package appprotectrpc
