package access

// Request is what a door asks for in its own words, where it knows more than
// that somebody signs in: what is to be done, to what, and what the door says
// of all concerned. Only custom conditions look at it.
//
// It is the door's word alone. Nothing in it is looked up or checked, and the
// Person of the sign-in is never taken from it.
//
// The values of all maps are strings, bools, int64s or float64s. A condition
// that reads anything else fails, and so counts as met.
type Request struct {
	// Action is what is to be done, such as "read". It is no [Action]: those are
	// known to policies.
	Action string
	// ResourceType and ResourceID say to what.
	ResourceType, ResourceID string
	// Subject, ActionAttributes, Resource and Context are what the door says of
	// the person, of what is to be done, of the resource and of the
	// circumstances.
	Subject, ActionAttributes, Resource, Context map[string]any
}
