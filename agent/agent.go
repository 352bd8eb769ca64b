package agent

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/lease"
	"ringfence/agent/policy"
	"ringfence/agent/session"
	"ringfence/agent/wipe"
)

// Device is the phone, all of it. Package agent/phone has one.
type Device interface {
	session.Store
	session.Keys
	session.Posture
	policy.Device
	wipe.Device
	lease.Device
	// Forget destroys the keys of the enrolment and forgets it, for the given
	// reason. It removes nothing else.
	Forget(why string) error
}

// Options are the parts of an Agent. All but Now are optional.
type Options struct {
	Now func() time.Time
	// Wait returns nil after d, or the error of ctx before that.
	Wait func(ctx context.Context, d time.Duration) error
	// Random gives numbers in [0, 1).
	Random func() float64
	Log    *slog.Logger
	// DialOptions are added to those of every connection.
	DialOptions []grpc.DialOption
	// Progress hears of each step of a wipe; see wipe.Options.
	Progress func(step string)
}

// Agent is the agent of one phone. It is not for concurrent use, and one phone
// has one agent at a time.
type Agent struct {
	device  Device
	session *session.Session
	applier *policy.Applier
	wiper   *wipe.Executor
}

// New puts an agent together.
func New(d Device, o Options) *Agent {
	a := &Agent{
		device:  d,
		applier: policy.New(policy.Options{Device: d, Now: o.Now, Log: o.Log}),
		wiper:   wipe.New(wipe.Options{Device: d, Now: o.Now, Log: o.Log, Progress: o.Progress}),
	}
	a.session = session.New(session.Options{
		Store: d, Keys: d, Posture: d, Applier: a.applier, Wiper: a.wiper,
		Leases: lease.New(lease.Options{Device: d, Wiper: a.wiper, Now: o.Now, Log: o.Log}),
		Now:    o.Now, Wait: o.Wait, Random: o.Random, Log: o.Log, DialOptions: o.DialOptions,
	})
	return a
}

// Enroll joins with a token; see session.Session.Enroll. What policy set in an
// enrolment that has ended is taken off: it was for another epoch.
func (a *Agent) Enroll(ctx context.Context, o session.EnrollOptions) (session.Enrollment, error) {
	if err := a.wiper.Recover(ctx); err != nil {
		return session.Enrollment{}, err
	}
	before, err := a.device.LoadState()
	if err != nil {
		return session.Enrollment{}, err
	}
	e, err := a.session.Enroll(ctx, o)
	if err != nil || before.Enrollment == nil {
		return e, err
	}
	return e, a.applier.Release(ctx)
}

// Run keeps the phone in touch with its server; see session.Session.Run.
func (a *Agent) Run(ctx context.Context) error { return a.session.Run(ctx) }

// Once looks once and does everything that is due; see session.Session.Once.
func (a *Agent) Once(ctx context.Context) error { return a.session.Once(ctx) }

// Assertion gets a signed statement of the phone's own verdict; see
// session.Session.Assertion. Alone of all it may be called while another agent
// runs the phone.
func (a *Agent) Assertion(ctx context.Context, audience string) (session.Assertion, error) {
	return a.session.Assertion(ctx, audience)
}

// Leave ends the enrolment, on the server and here: settings, certificates and
// keys that came with it go. Work data stays; removing it is the person's own
// business now. An acknowledged wipe is finished first.
func (a *Agent) Leave(ctx context.Context) error {
	if err := a.session.Leave(ctx); err != nil {
		return err
	}
	state, err := a.device.LoadState()
	if err != nil || state.Enrollment == nil { // the wipe took it along
		return err
	}
	if err := a.applier.Release(ctx); err != nil {
		return err
	}
	return a.device.Forget("the phone left")
}
