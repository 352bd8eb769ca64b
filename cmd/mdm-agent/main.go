// Command mdm-agent is the reference device agent: it makes a folder a virtual
// Android phone, enrols it, and keeps it as its server asks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by the build; "dev" otherwise.
var version = "dev"

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitRefused = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], environment{
		getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now, uptime: newUptime(),
	})
	stop()
	os.Exit(code)
}

// environment is what a run sees of the world.
type environment struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	// uptime tells for how long the phone is on, and names this life of it.
	uptime func() (boot string, up time.Duration)
}

// run runs one command and gives the exit code.
func run(ctx context.Context, args []string, env environment) int {
	root := newRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errRefused) { // standard output says it all
		return exitRefused
	}
	fmt.Fprintln(env.stderr, "mdm-agent:", explain(err))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// usageError is a command that was written wrongly.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
