// Package accesscel makes the rules of access policies out of CEL, the Common
// Expression Language: device filters and custom conditions.
//
// A rule is one expression that is true or false. It is parsed, type-checked and
// its cost in the worst case estimated before it is ever asked; what might cost
// more than allowed is not taken, and while a rule is asked its cost is counted
// again. There is no clock, no network and no state in a rule: the same sign-in
// and facts give the same answer at any time.
//
// # What rules see
//
// A device filter sees the phone, as device. A condition also sees person,
// registration and signin, and what the door asks for in its own words: action,
// resource and context. Attributes are in a table each, in attributes.go; a
// name that is in none is an error when the rule is saved.
//
// What is not known is absent: it reads as the empty text, 0, false or the
// empty list, and has(device.model) tells. So an unknown phone, of which
// everything is absent, does not match
//
//	device.model == "Pixel 9"      device.model.startsWith("Pixel")
//
// and does match
//
//	device.model != "Pixel 9"      !(device.model in ["Pixel 9", "Pixel 10"])
//
// Whoever means "a known phone that is not a Pixel 9" says so:
//
//	has(device.id) && device.model != "Pixel 9"
//
// # What a door says
//
// person.properties, action.properties, resource.properties and
// context.properties are maps from names to texts, numbers and truths, as the
// door gave them. Nobody knows the names when a rule is saved. So a name that is
// absent reads as nothing: a rule that reads it cannot be finished, and counts
// as met. Whoever means "if it is there" says so:
//
//	has(resource.properties.status) && resource.properties.status == "archived"
//
// The same goes for a value of another type than the rule takes it for, except
// that "is" and "is not" compare any two values, and numbers are numbers.
//
// # What is not there
//
// Whether a phone is compliant is not an attribute, on purpose: it is a control,
// for which a policy says how old the evidence may be.
package accesscel
