package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ringfence/agent/appsdk"
	"ringfence/agent/mail"
)

// input reads standard input line by line, for whoever wants the next one.
type input struct {
	next func() (string, error)
}

// lines gives standard input. It is read by one reader, however many ask.
func (p *program) lines() *input {
	if p.in == nil {
		r := bufio.NewReaderSize(p.env.stdin, 64<<10)
		p.in = &input{next: func() (string, error) {
			line, err := r.ReadString('\n')
			if line == "" && err != nil {
				return "", err
			}
			return strings.TrimRight(line, "\r\n"), nil
		}}
	}
	return p.in
}

// line gives the next line; the error of ctx where that ends first.
func (p *program) line(ctx context.Context) (string, error) {
	type read struct {
		text string
		err  error
	}
	came := make(chan read, 1)
	go func() {
		text, err := p.lines().next()
		came <- read{text, err}
	}()
	select {
	case r := <-came:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// secretSource is where a PIN comes from: a file, the environment, or who sits at
// the terminal. Never the command line, which others see.
type secretSource struct {
	flag, file, env, what string
}

func (s *secretSource) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, s.flag, "", "file with "+s.what+" (or env "+s.env+"; asked for on the terminal otherwise)")
}

func presentPIN() *secretSource {
	return &secretSource{flag: "pin-file", env: "MDM_APP_PIN", what: "the app's PIN"}
}

func newPIN() *secretSource {
	return &secretSource{flag: "new-pin-file", env: "MDM_APP_NEW_PIN", what: "the new PIN"}
}

// given gives the PIN without asking anybody; false where nobody has given it.
func (p *program) given(s *secretSource) (pin string, ok bool, err error) {
	if s.file == "" {
		pin = p.env.getenv(s.env)
		return pin, pin != "", nil
	}
	file, err := os.Open(s.file)
	if err != nil {
		return "", false, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSmallFile))
	return strings.TrimRight(string(data), "\r\n"), err == nil, err
}

// ask gives the PIN, from whoever sits at the terminal if need be.
func (p *program) ask(ctx context.Context, s *secretSource) (string, error) {
	if pin, ok, err := p.given(s); ok || err != nil {
		return pin, err
	}
	fmt.Fprintf(p.env.stderr, "Give %s: ", s.what)
	show, err := hideTyping(p.env.stdin)
	if err != nil {
		return "", err
	}
	pin, err := p.line(ctx)
	show()
	fmt.Fprintln(p.env.stderr)
	if errors.Is(err, io.EOF) {
		return "", usagef("%s is needed: --%s FILE, %s, or standard input", s.what, s.flag, s.env)
	}
	return pin, err
}

func (p *program) pinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pin",
		Short: "Set or change the PIN of the work account",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.pinSetCommand(), p.pinChangeCommand(), p.pinResetCommand())
	return cmd
}

func (p *program) pinSetCommand() *cobra.Command {
	source := presentPIN()
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Set the first PIN",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withSDK(func(a *mail.App, sdk *appsdk.SDK) error {
				pin, err := p.ask(cmd.Context(), source)
				if err != nil {
					return err
				}
				problems, err := sdk.SetPIN(pin)
				return p.pinResult(a, problems, err)
			})
		},
	}
	source.flags(cmd)
	return cmd
}

func (p *program) pinChangeCommand() *cobra.Command {
	source, next := presentPIN(), newPIN()
	cmd := &cobra.Command{
		Use:   "change",
		Short: "Set another PIN, with the present one",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withSDK(func(a *mail.App, sdk *appsdk.SDK) error {
				pin, err := p.ask(cmd.Context(), source)
				if err != nil {
					return err
				}
				other, err := p.ask(cmd.Context(), next)
				if err != nil {
					return err
				}
				problems, err := sdk.ChangePIN(pin, other)
				return p.pinResult(a, problems, err)
			})
		},
	}
	source.flags(cmd)
	next.flags(cmd)
	return cmd
}

func (p *program) pinResetCommand() *cobra.Command {
	next := newPIN()
	var f signInFlags
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Set another PIN after too many wrong ones: sign in again",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withSDK(func(a *mail.App, sdk *appsdk.SDK) error {
				if err := sdk.SignInAgain(p.browser(cmd, f, true)); err != nil {
					return chosen(err)
				}
				other, err := p.ask(cmd.Context(), next)
				if err != nil {
					return err
				}
				problems, err := sdk.ResetPIN(other)
				return p.pinResult(a, problems, err)
			})
		},
	}
	next.flags(cmd)
	f.browserFlags(cmd)
	return cmd
}

// withSDK runs fn with the work account's SDK.
func (p *program) withSDK(fn func(*mail.App, *appsdk.SDK) error) error {
	return p.withApp(func(a *mail.App) error {
		if a.Work.SDK() == nil {
			return appsdk.ErrNotRegistered
		}
		return fn(a, a.Work.SDK())
	})
}

// pinResult says what became of a new PIN.
func (p *program) pinResult(a *mail.App, problems string, err error) error {
	if errors.Is(err, appsdk.ErrShut) {
		d := a.Work.Decide(appsdk.EventTimer)
		if !opens(d) {
			return &mail.Shut{Decision: d}
		}
		return errors.New(`no first PIN is asked for: "mdm-agent app pin change" sets another one`)
	}
	if err != nil {
		return err
	}
	if problems == "" {
		return p.print(map[string]bool{"set": true}, func() { fmt.Fprintln(p.env.stdout, "the PIN is set") })
	}
	keys := strings.Fields(problems)
	err = p.print(map[string]any{"set": false, "problems": keys}, func() {
		for _, key := range keys {
			fmt.Fprintf(p.env.stdout, "refused: %s: %s\n", key, mail.Say(key))
		}
	})
	if err != nil {
		return err
	}
	return errRefused
}
