package session

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/answer"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// token is the form of a JWT: it is shown to people, and put into headers.
var token = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// maxToken is how long one may be, in octets: headers have no room for more.
const maxToken = 8 << 10

// errNoAssertions is what a server from before there were any is told.
var errNoAssertions = errors.New("the server issues no assertions")

// Assertion is the server's signed statement of the phone's own verdict, a JWT. It
// is bound to the certificate the phone has in use: an API takes it only beside
// that one.
type Assertion struct {
	Token     string
	ExpiresAt time.Time
}

// Assertion gets a statement for an audience, the API that is to believe it. It
// changes nothing on the phone, so that it may be called beside another process's
// Run: the certificate in use is shown, and a renewed one is left to Run. When that
// one takes its place meanwhile, the newer is tried.
func (s *Session) Assertion(ctx context.Context, audience string) (Assertion, error) {
	e, err := s.enrollment()
	if err != nil {
		return Assertion{}, err
	}
	a, err := s.assertion(ctx, e, audience)
	if err == nil {
		return a, nil
	}
	again, loadErr := s.enrollment()
	if loadErr != nil || again.Current.Key == e.Current.Key {
		return Assertion{}, err
	}
	return s.assertion(ctx, again, audience)
}

func (s *Session) assertion(ctx context.Context, e Enrollment, audience string) (Assertion, error) {
	conn, err := s.dial(e, e.Current)
	if err != nil {
		return Assertion{}, err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := accessv1.NewAccessDeviceServiceClient(conn).IssueAssertion(ctx, &accessv1.IssueAssertionRequest{Audience: audience})
	switch code := status.Code(err); {
	case code == codes.Unimplemented:
		return Assertion{}, errNoAssertions
	case code == codes.Unavailable:
		return Assertion{}, fmt.Errorf("get an assertion: %w", err)
	case err != nil:
		return Assertion{}, fmt.Errorf("the server gave no assertion: %s", answer.Text(err))
	case !token.MatchString(r.GetAssertion()) || len(r.GetAssertion()) > maxToken || r.GetExpiresAt().CheckValid() != nil:
		return Assertion{}, errors.New("get an assertion: what the server sent is none")
	}
	return Assertion{Token: r.GetAssertion(), ExpiresAt: r.GetExpiresAt().AsTime()}, nil
}
