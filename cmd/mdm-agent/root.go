package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent"
	"ringfence/agent/answer"
	"ringfence/agent/appsdk"
	"ringfence/agent/mail"
	"ringfence/agent/phone"
	"ringfence/agent/session"
)

// program is what the commands share.
type program struct {
	env   environment
	dir   string
	debug bool
	app   appFlags
	in    *input // standard input, once somebody reads it
	// current is the app while this process has it open, for the lines of a
	// console; nil elsewhere.
	current *mail.App
}

func newRoot(env environment) *cobra.Command {
	return (&program{env: env, dir: env.getenv("MDM_PHONE")}).root()
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "mdm-agent",
		Short: "The reference device agent: a virtual Android phone in a folder",
		Long: `mdm-agent makes a folder a virtual Android phone and is the agent on it: it
enrols the phone with a server, keeps it as policy asks, reports how it is, and
carries out orders to take the work side back.

The folder is laid out as Android lays out its data: data/user/0 is the person's
side, data/user/10 the work profile. See "mdm-agent show".

Exit codes: 0 done; 1 it did not work; 2 the command is written wrongly; 3 a
policy does not allow it ("mdm-agent app").`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.env.stdin)
	root.SetOut(p.env.stdout)
	root.SetErr(p.env.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVar(&p.dir, "phone", p.dir, "folder of the phone (env MDM_PHONE)")
	root.PersistentFlags().BoolVar(&p.debug, "debug", p.debug, "log more")
	root.AddCommand(p.enrollCommand(), p.runCommand(), p.setCommand(), p.showCommand(), p.assertionCommand(), p.leaveCommand(), p.appCommand())
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasParent() {
		return usagef("there is no command %q: see mdm-agent --help", args[0])
	}
	return usagef("%q is not expected: see %s --help", args[0], cmd.CommandPath())
}

// log writes to standard error, where neither keys nor tokens ever go.
func (p *program) log() *slog.Logger {
	level := slog.LevelInfo
	if p.debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(p.env.stderr, &slog.HandlerOptions{Level: level}))
}

// open opens the phone.
func (p *program) open(create bool) (*phone.Phone, error) {
	if p.dir == "" {
		return nil, usagef("which phone? Give --phone DIR or set MDM_PHONE")
	}
	return phone.Open(p.dir, phone.Options{Create: create, Now: p.env.now, Uptime: p.env.uptime})
}

// agent opens the phone for this process alone, as its agent.
func (p *program) agent(create bool, fn func(*phone.Phone, *agent.Agent) error) error {
	d, err := p.open(create)
	if err != nil {
		return err
	}
	defer d.Close()
	release, err := d.Claim()
	if err != nil {
		return err
	}
	defer release()
	return fn(d, agent.New(d, agent.Options{Now: d.Now, Log: p.log()}))
}

// explain adds to an error what a person can do about it.
func explain(err error) error {
	for _, hint := range []struct {
		err  error
		text string
	}{
		{phone.ErrNoPhone, `make one with "mdm-agent enroll" or "mdm-agent set"`},
		{phone.ErrLocked, `stop the other "mdm-agent run" first`},
		{session.ErrNotEnrolled, `enrol it with "mdm-agent enroll"; "mdm-agent show" tells what was before`},
		{phone.ErrNoApp, `install it with "mdm-agent app install"`},
		{phone.ErrAppOpen, `stop the other "mdm-agent app run" first, or give it the command`},
		{appsdk.ErrRegistered, `sign out first with "mdm-agent app sign-out"`},
		{appsdk.ErrNotRegistered, `sign in with "mdm-agent app sign-in"`},
		{mail.ErrClipboardEmpty, `copy something with "mdm-agent app copy", or "mdm-agent app clipboard --text"`},
		{session.ErrEnrolled, `leave first with "mdm-agent leave", or use another --phone`},
	} {
		if errors.Is(err, hint.err) {
			return fmt.Errorf("%w: %s", err, hint.text)
		}
	}
	// One silence is behind every call of a look: it is told once.
	silent, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if ok && silent.GRPCStatus().Code() == codes.Unavailable {
		return fmt.Errorf("cannot reach the server: is it running, and the network up? It may be tried again: %s",
			answer.Clip(silent.GRPCStatus().Message()))
	}
	return err
}
