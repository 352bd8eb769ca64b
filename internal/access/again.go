package access

import "context"

// Reconsider is Decide for somebody who has asked before and asks again because
// the answer may be another by now: it is no other sign-in, and counts as none.
func (s *Service) Reconsider(ctx context.Context, q Question) (Answer, error) {
	snapshot, err := s.catalog.latest(ctx)
	if err != nil {
		return Answer{}, err
	}
	a := &Answer{SignIn: q.SignIn}
	if err := s.learn(ctx, q, a); err != nil {
		return Answer{}, err
	}
	a.decide(snapshot, s.clock())
	return *a, nil
}
