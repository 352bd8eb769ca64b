package chaos

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// killed is how an agent dies: it unwinds everything, and nothing that the agent
// has not written down is left.
type killed struct{ where string }

// faults make the calls of one client go wrong.
type faults struct {
	dice *dice
	// mortal agents die at calls.
	mortal bool
	// calm switches all faults off.
	calm func() bool
}

// intercept loses calls, loses answers, makes calls twice, and kills the caller.
func (f *faults) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if f.calm() {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	lost := status.Error(codes.Unavailable, "lost on the way")
	switch throw := f.dice.n(100); {
	case throw < 3:
		return lost
	case throw < 7: // the answer is lost: it happened, and the caller does not know
		_ = invoke(ctx, method, req, reply, cc, opts...)
		return lost
	case throw < 12: // delivered twice
		if err := invoke(ctx, method, req, reply, cc, opts...); err != nil {
			return err
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	case throw < 14 && f.mortal:
		panic(killed{"before " + method})
	case throw < 16 && f.mortal:
		_ = invoke(ctx, method, req, reply, cc, opts...)
		panic(killed{"after " + method})
	default:
		return invoke(ctx, method, req, reply, cc, opts...)
	}
}

// survive runs fn and says whether it was killed in it.
func survive(fn func() error) (died bool, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case killed:
			died, err = true, fmt.Errorf("killed %s", r.where)
		default:
			panic(r)
		}
	}()
	return false, fn()
}
