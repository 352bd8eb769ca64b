package appsdk

// Status is how the account stands with its server, for people to see. Nothing in
// it is a secret.
type Status struct {
	// RegistrationID and Epoch name the registration; "" and 0 without one.
	RegistrationID string
	Epoch          int64
	User           string
	// PolicyRevision is that of the policy the account opens by; "" for none.
	PolicyRevision string
	// LeaseNumber is of the report that the lease answers; 0 for no lease. The
	// account shuts, and is wiped, after so many seconds without contact; 0 for
	// never.
	LeaseNumber       int64
	LeaseIssuedUnix   int64
	BlockAfterSeconds int64
	WipeAfterSeconds  int64
	// SilentSeconds is for how long there was no contact, at the most.
	SilentSeconds int64
}

// Status tells how the account stands. It asks nobody.
func (s *SDK) Status() *Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Status
	if r, err := s.st.lasting(); err == nil {
		out.RegistrationID, out.Epoch, out.User = r.ID, int64(r.Epoch), r.User //nolint:gosec // gomobile has no unsigned numbers; an epoch is small
	}
	if l := s.st.Lease; l != nil {
		out.PolicyRevision, out.LeaseNumber, out.LeaseIssuedUnix = l.Revision, int64(l.Number), l.IssuedAt.Unix() //nolint:gosec // so is a report's number
		out.BlockAfterSeconds, out.WipeAfterSeconds = int64(l.BlockAfter.Seconds()), int64(l.WipeAfter.Seconds())
	}
	if s.st.Silence != nil {
		out.SilentSeconds = int64(s.st.Silence.Observe(s.reading()).Longest().Seconds())
	}
	return &out
}
