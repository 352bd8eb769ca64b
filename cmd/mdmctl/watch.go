package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// defaultInterval is the time between two looks at the server.
const defaultInterval = 2 * time.Second

func (a *app) watchCommand() *cobra.Command {
	cmd := groupCommand("watch", "Look again and again, and print what changes", a.watchDevice(), a.watchWipes())
	cmd.Example = `  mdmctl watch device ID --until compliant --timeout 5m
  mdmctl watch wipes --device ID
  mdmctl watch wipe ID --until done`
	return cmd
}

// waitLimit is --timeout where it was given: a wait has no limit of its own. A
// command that waits asks for it before it connects.
func (a *app) waitLimit(cmd *cobra.Command) time.Duration {
	a.waits = true
	if cmd.Flags().Changed("timeout") {
		return a.timeout
	}
	return 0
}

// pollPlan says how to look and how long.
type pollPlan struct {
	interval time.Duration
	limit    time.Duration // of the whole wait; 0 for none
	awaits   bool          // something is waited for: an interrupt is not a success
}

// look looks once and reports whether what is waited for has come.
type look func(ctx context.Context) (bool, error)

// poll looks until look is done, the limit is over or a signal comes. A server
// that goes away after the first look is waited for.
func (a *app) poll(ctx context.Context, p pollPlan, l look) error {
	if p.interval <= 0 {
		return usagef("--interval must be more than 0")
	}
	waiting := ctx
	if p.limit > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, p.limit)
		defer cancel()
	}
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	away := false
	for first := true; ; first = false {
		done, err := l(waiting)
		switch {
		case waiting.Err() != nil, err != nil && lastLook(waiting, p.interval) && passing(err):
			return p.over(ctx)
		case err != nil && (first || !passing(err)):
			return err
		case err != nil && !away:
			fmt.Fprintln(a.err, firstLine(explain(err))+"; trying again")
		case done:
			return nil
		}
		away = err != nil
		select {
		case <-ticker.C:
		case <-waiting.Done():
			return p.over(ctx)
		}
	}
}

// lastLook reports whether the limit comes before another look would. A server
// that keeps the deadline of a call may answer shortly before it.
func lastLook(waiting context.Context, interval time.Duration) bool {
	deadline, limited := waiting.Deadline()
	return limited && time.Until(deadline) < interval
}

// over says how a wait ended that came to nothing. One that waits for nothing
// has done what it was asked to.
func (p pollPlan) over(ctx context.Context) error {
	switch {
	case ctx.Err() == nil && p.awaits:
		return waitedError{fmt.Errorf("it did not happen within %v", p.limit)}
	case p.awaits:
		return fmt.Errorf("interrupted while waiting: %w", ctx.Err())
	default:
		return nil
	}
}

// passing reports whether the same call may well work a little later.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		return true
	default:
		return false
	}
}

// stamp begins a line of a watch.
func (a *app) stamp() string { return clock(a.now()) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
