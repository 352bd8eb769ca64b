package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringfence/agent/appsdk"
	"ringfence/agent/mail"
)

// lookEvery is how often a running app asks whether all is as it was: offline,
// nothing else tells it.
const lookEvery = 5 * time.Second

func (p *program) appRunCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Keep the app open: listen to the server, and take commands",
		Long: `run keeps the app open, listens to the server and checks in. It tells each time
the work account comes to stand otherwise: a policy, an order, a clock.

Lines on standard input are commands, as they are written after "mdm-agent app":

  open
  copy offer --to com.example.notes
  write offer --text "1000 pieces"

It ends when it is interrupted, or the work account is gone. Other commands
cannot open the app meanwhile.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.current != nil {
				return usagef("the app is running")
			}
			return p.stay(cmd.Context())
		},
	}
}

// bell hears that something has changed.
type bell chan struct{}

// Changed is part of appsdk.Events.
func (b bell) Changed() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// stay keeps the app open.
func (p *program) stay(ctx context.Context) error {
	d, err := p.open(false)
	if err != nil {
		return err
	}
	defer d.Close()
	rings := make(bell, 1)
	a, err := mail.Open(mail.Options{Phone: d, Package: p.app.pkg, Now: d.Now, Log: p, Events: rings})
	if err != nil {
		return err
	}
	defer a.Close()
	sdk := a.Work.SDK()
	if sdk == nil || !sdk.Registered() {
		return appsdk.ErrNotRegistered
	}
	p.current = a
	p.tell(a.Work.Decide(launch))
	if err := sdk.Start(); err != nil {
		return err
	}
	return p.watch(ctx, a, rings)
}

// watch tells of every turn, until there is nothing left to watch.
func (p *program) watch(ctx context.Context, a *mail.App, rings bell) error {
	commands := p.commands(ctx)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	last := viewOf(a.Work.Decide(appsdk.EventTimer)).line()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, open := <-commands:
			if !open {
				commands = nil
				continue
			}
			p.obey(ctx, line)
		case <-rings:
		case <-ticker.C:
		}
		d := a.Work.Decide(appsdk.EventTimer)
		if now := viewOf(d).line(); now != last {
			last = now
			p.tell(d)
		}
		if sdk := a.Work.SDK(); !sdk.Registered() {
			p.sync(sdk) // whatever the server does not know yet
			return nil
		}
	}
}

// tell prints a decision as an event.
func (p *program) tell(d *appsdk.Decision) {
	if p.app.output == "text" {
		fmt.Fprintf(p.env.stdout, "%s ", day(p.env.now()))
	}
	_ = p.printDecision(d)
}

// commands gives the lines of standard input; the channel is closed at its end.
func (p *program) commands(ctx context.Context) <-chan string {
	lines := make(chan string)
	asked := p.lines().next
	// From now on there is one reader, and who asks for a line gets it from there.
	p.in = &input{next: func() (string, error) {
		line, open := <-lines
		if !open {
			return "", io.EOF
		}
		return line, nil
	}}
	go func() {
		defer close(lines)
		for {
			line, err := asked()
			if err != nil {
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// obey carries out one line.
func (p *program) obey(ctx context.Context, line string) {
	args, err := words(line)
	if err != nil || len(args) == 0 {
		if err != nil {
			p.note("mdm-agent: %v", err)
		}
		return
	}
	child := &program{env: p.env, dir: p.dir, debug: p.debug, in: p.in, current: p.current}
	root := child.root()
	global := []string{"app", "--package", p.app.pkg, "-o", p.app.output}
	root.SetArgs(append(global, args...))
	if err := root.ExecuteContext(ctx); err != nil && !errors.Is(err, errRefused) {
		p.note("mdm-agent: %v", explain(err))
	}
}

// words splits a line at blanks; what is in double quotes stays whole.
func words(line string) ([]string, error) {
	var all []string
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case !quoted && (r == ' ' || r == '\t'):
			if begun {
				all = append(all, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quoted {
		return nil, errors.New("a quote is not closed")
	}
	if begun {
		all = append(all, word.String())
	}
	return all, nil
}
