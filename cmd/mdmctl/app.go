package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringfence/internal/ctlconfig"
)

// defaultTimeout bounds every command that does not wait for something.
const defaultTimeout = 30 * time.Second

// app is one run of the program: where it reads and writes, and the flags that
// every command has.
type app struct {
	in      io.Reader
	out     io.Writer
	err     io.Writer
	now     func() time.Time
	asks    bool // a person sits at in
	started bool // the command line was right: later errors are not about it
	waits   bool // --timeout is of a wait, not of a call

	configPath  string
	contextName string
	format      string
	noHeaders   bool
	timeout     time.Duration
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	// Read through one buffer, or the first question would take the answer of the
	// second along.
	return &app{in: bufio.NewReader(stdin), out: stdout, err: stderr, now: time.Now, asks: isTerminal(stdin)}
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.started {
		err = usageError{err}
	}
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(a.err, explain(err))
	return exitCode(err)
}

// path gives the configuration file: the flag, the environment, the default.
func (a *app) path() (string, error) {
	if a.configPath != "" {
		return a.configPath, nil
	}
	if p := os.Getenv("MDMCTL_CONFIG"); p != "" {
		return p, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usagef("no home folder: name a configuration file with --config")
	}
	return filepath.Join(home, ".config", "mdmctl", "config.yaml"), nil
}

// context gives the server to speak to, with the texts of its files.
func (a *app) context() (ctlconfig.Context, error) {
	path, err := a.path()
	if err != nil {
		return ctlconfig.Context{}, err
	}
	config, err := ctlconfig.Load(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ctlconfig.Context{}, usagef("no configuration at %s\n"+
			"hint: the server writes its first administrator's at <data>/admin/mdmctl.yaml;\n"+
			"      name it with --config or MDMCTL_CONFIG, or make one with mdmctl config set-context", path)
	case err != nil:
		return ctlconfig.Context{}, usageError{err}
	}
	a.warnExposed(path)
	found, err := config.Find(a.contextName)
	if err != nil {
		return ctlconfig.Context{}, usagef("%w in %s\nhint: see mdmctl config get-contexts", err, path)
	}
	found, err = found.Resolve(filepath.Dir(path))
	if err != nil {
		return ctlconfig.Context{}, usagef("context %q: %w", found.Name, err)
	}
	return found, nil
}

func (a *app) warnExposed(path string) {
	if open, err := ctlconfig.Exposed(path); err == nil && open {
		fmt.Fprintf(a.err, "warning: %s holds a credential and others may read it: chmod 600 it\n", path)
	}
}

// calling wraps a command that asks the server and ends: all its calls together
// have the time of --timeout.
func (a *app) calling(fn func(ctx context.Context, c *client, args []string) error) func(*cobra.Command, []string) error {
	return a.waiting(func(ctx context.Context, c *client, args []string) error {
		ctx, cancel := context.WithTimeout(ctx, a.timeout)
		defer cancel()
		return fn(ctx, c, args)
	})
}

// waiting wraps a command that waits for a person or a phone: its calls have a
// bound each (see callTime), the command as a whole has none here.
func (a *app) waiting(fn func(ctx context.Context, c *client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.close()
		return fn(cmd.Context(), c, bare(cmd, args))
	}
}

// kindKey is the annotation of a command whose names are of another kind than it
// is called: -o name prints that kind.
const kindKey = "kind"

// bare takes the kind off names as -o name prints them, "device/ID": what one
// command lists can be given to another. No name has a slash in it.
func bare(cmd *cobra.Command, args []string) []string {
	names := make([]string, len(args))
	for i, arg := range args {
		kind, name, found := strings.Cut(arg, "/")
		if !found || kind != cmd.Name() && !cmd.HasAlias(kind) && kind != cmd.Annotations[kindKey] {
			name = arg
		}
		names[i] = name
	}
	return names
}
