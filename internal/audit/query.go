package audit

// Query asks for one page of the record, newest first. Its conditions are
// joined by AND; an empty one asks nothing.
type Query struct {
	// Target and Actor are compared as they are, letter by letter.
	Target string
	Actor  string
	// Before asks for entries older than the one of this sequence; 0 begins
	// with the newest.
	Before uint64
	// Size is how many entries at most. Positive.
	Size int
}
