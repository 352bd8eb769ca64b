package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// deed is what an administrator asks for that ends in orders to phones. Each
// goes the same way: it is planned, the plan is shown and confirmed, and what was
// shown is asked for.
type deed interface {
	// plan asks the server what would happen, and does nothing.
	plan(ctx context.Context, c *client, now time.Time) (planned, error)
	// order asks for it.
	order(ctx context.Context, c *client, in consent) (outcome, error)
}

// planned is what would happen, as the server says.
type planned struct {
	message proto.Message // for programs
	show    func(w io.Writer) error
	// digest names the plan, epoch the enrolment where it is of one device.
	digest string
	epoch  uint64
	// question is what to ask; "" where nothing is lost, and nobody is asked.
	question string
	// typed must be typed back where a plain yes would not do.
	typed string
	// nothing: no device would get an order.
	nothing bool
}

// consent is what is asked for: the plan that was seen. An empty digest and
// epoch 0 are of a request that may have been made before: see mayRepeat.
type consent struct {
	digest string
	epoch  uint64
	flags  orderFlags
}

// outcome is what came of it: the order where there is one at once, and the
// request that stands behind it or waits.
type outcome struct {
	order   *wipev1.Order
	request *wipev1.WipeRequest
	// paused: the breaker is open, perhaps by this very request.
	paused bool
}

// orderFlags is what the command line says of any deed.
type orderFlags struct {
	reason   string
	key      string
	plan     string
	expires  lifetime
	dryRun   bool
	yes      bool
	wait     bool
	interval time.Duration
	limit    time.Duration // of the wait; 0 for none
}

func (f *orderFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.reason, "reason", "", "why, for the record")
	addRequestKey(cmd, &f.key)
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.wait, "wait", false, "wait for the second person where one is needed, and until the device says that it is done")
	flags.DurationVar(&f.interval, "interval", defaultInterval, "with --wait: time between two looks")
	flags.StringVar(&f.plan, "plan", "", "only what this plan says: the planDigest that --dry-run -o json printed")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the plan, and order nothing")
	cmd.MarkFlagsMutuallyExclusive("plan", "dry-run")
}

func (f *orderFlags) addExpires(cmd *cobra.Command) {
	cmd.Flags().Var(&f.expires, "expires", "how long the device may take to begin, 1m to 365d, for example 12h or 7d (default 30d)")
}

func addRequestKey(cmd *cobra.Command, key *string) {
	cmd.Flags().StringVar(key, "request-key", "", "makes the call safe to repeat (default a new one)")
}

func (f *orderFlags) check() error {
	switch {
	case f.reason == "" && !f.dryRun:
		return usagef("--reason is missing: it is kept on record")
	case f.interval <= 0:
		return usagef("--interval must be more than 0")
	}
	return nil
}

// mayRepeat reports whether a refused plan may be the plan of a request that was
// made already: its order then stands in its own way, or has ended the
// enrolment. The server decides, which knows what it has answered to the
// request key before; what it has not, it refuses as it has refused the plan.
func (f *orderFlags) mayRepeat(err error) bool {
	return f.key != "" && f.yes && !f.dryRun && exitCode(err) == exitRefused
}

// ordering makes the deed of a command: read gives what its command line names.
func (a *app) ordering(f *orderFlags, read func(args []string) (deed, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		d, err := read(bare(cmd, args))
		if err != nil {
			return err
		}
		if err := f.check(); err != nil {
			return err
		}
		if f.wait {
			f.limit = a.waitLimit(cmd)
		}
		return a.waiting(func(ctx context.Context, c *client, _ []string) error {
			return a.carryOut(ctx, c, d, *f)
		})(cmd, args)
	}
}

func (a *app) carryOut(ctx context.Context, c *client, d deed, f orderFlags) error {
	if f.plan != "" && f.yes {
		// Nobody looks at it again, and the server compares.
		return a.send(ctx, c, d, consent{digest: f.plan, flags: f})
	}
	p, err := d.plan(ctx, c, a.now())
	switch {
	case err != nil && f.mayRepeat(err):
		return a.send(ctx, c, d, consent{flags: f})
	case err != nil:
		return err
	case f.dryRun:
		return a.showDry(p)
	}
	if err := p.show(a.err); err != nil {
		return err
	}
	if err := a.agree(ctx, p, f); err != nil {
		return err
	}
	return a.send(ctx, c, d, consent{digest: p.digest, epoch: p.epoch, flags: f})
}

func (a *app) showDry(p planned) error {
	if a.forPrograms() {
		return a.writeMessage(p.message)
	}
	if err := p.show(a.out); err != nil {
		return err
	}
	fmt.Fprintln(a.out, "Dry run: nothing was ordered.")
	return nil
}

// agree has the plan confirmed.
func (a *app) agree(ctx context.Context, p planned, f orderFlags) error {
	switch {
	case f.plan != "" && f.plan != p.digest:
		return refusedError{fmt.Errorf("the plan is another than the one of --plan: nothing was done\nhint: %s", hintOfReason["PLAN_CHANGED"])}
	case f.yes:
		return nil
	case p.nothing:
		return refusedError{errors.New("no device would get an order: nothing was done")}
	case p.question == "":
		return nil
	case p.typed != "":
		return a.confirmTyped(ctx, p.question, p.typed)
	default:
		return a.confirm(ctx, p.question, false)
	}
}

func (a *app) send(ctx context.Context, c *client, d deed, in consent) error {
	out, err := d.order(ctx, c, in)
	switch {
	case err != nil:
		return err
	case in.flags.wait:
		return a.await(ctx, c, out, in.flags)
	default:
		return a.tellOutcome(out)
	}
}
