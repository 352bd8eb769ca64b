package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ringfence/agent/appsdk"
	"ringfence/agent/mail"
)

// errRefused is what a policy does not allow. It has been printed.
var errRefused = errors.New("a policy does not allow it")

// appFlags are what all commands of an app share.
type appFlags struct{ pkg, output string }

func (p *program) appCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "app",
		Short: "A mail app on the phone, with a personal account and a guarded work account",
		Long: `app is a mail app on the phone. It has a personal account, and a work account
that app protection guards; the phone need not be enrolled.

  mdm-agent app install
  mdm-agent app sign-in --server mdm.example.com:8443 --ca-pin sha256:...
  mdm-agent app pin set
  mdm-agent app open
  mdm-agent app receive offer --account work --text "1000 pieces"
  mdm-agent app copy offer --account work --to com.example.notes

Each command is a finger on the screen: it opens the app, does one thing and
closes it. "run" keeps the app open, listens to the server, and takes commands.

Exit codes: as of mdm-agent; 3 where a policy does not allow it, or the work
account is shut.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if p.app.output != "text" && p.app.output != "json" {
				return usagef("-o %s: want text or json", p.app.output)
			}
			return nil
		},
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&p.app.pkg, "package", mail.DefaultPackage, "the app's package name")
	flags.StringVarP(&p.app.output, "output", "o", "text", "text or json")
	cmd.AddCommand(p.installCommand(), p.signInCommand(), p.signOutCommand(), p.openCommand(), p.pinCommand(),
		p.listCommand(), p.readCommand(), p.writeCommand(), p.receiveCommand(), p.clipboardCommand(),
		p.checkInCommand(), p.appRunCommand(), p.appShowCommand())
	cmd.AddCommand(p.mailGates()...)
	cmd.AddCommand(p.plainGates()...)
	return cmd
}

// withApp opens the app, unless this process has it open already.
func (p *program) withApp(fn func(*mail.App) error) error {
	if p.current != nil {
		return p.told(fn(p.current))
	}
	d, err := p.open(false)
	if err != nil {
		return err
	}
	defer d.Close()
	a, err := mail.Open(mail.Options{Phone: d, Package: p.app.pkg, Now: d.Now, Log: p})
	if err != nil {
		return err
	}
	return errors.Join(p.told(fn(a)), a.Close())
}

// Line is part of appsdk.Log.
func (p *program) Line(text string) { p.log().Debug("sdk", "text", text) }

// told prints why the work account is shut.
func (p *program) told(err error) error {
	shut, ok := errors.AsType[*mail.Shut](err)
	if !ok {
		return err
	}
	return p.printDecision(shut.Decision)
}

// print prints something, as JSON or as text says.
func (p *program) print(v any, text func()) error {
	if p.app.output == "json" {
		encoder := json.NewEncoder(p.env.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	}
	text()
	return nil
}

// note tells a person something beside the result.
func (p *program) note(format string, args ...any) {
	fmt.Fprintf(p.env.stderr, "%s\n", plain(fmt.Sprintf(format, args...)))
}

// decisionView is a decision as JSON.
type decisionView struct {
	// Outcome is proceed, warn, need-pin, block or wiped.
	Outcome    string        `json:"outcome"`
	MessageKey string        `json:"messageKey,omitempty"`
	Message    string        `json:"message,omitempty"`
	Link       string        `json:"link,omitempty"`
	Prompts    []string      `json:"prompts,omitempty"`
	Findings   []findingView `json:"findings,omitempty"`
	ConnectVPN bool          `json:"connectVpn,omitempty"`
	// RecheckSeconds is after how long at rest the person is asked again, TriesLeft
	// how many wrong PINs are borne yet; less than 0 where nothing follows.
	RecheckSeconds int64 `json:"recheckSeconds,omitempty"`
	TriesLeft      int   `json:"triesLeft"`
}

type findingView struct {
	Check     string `json:"check"`
	Action    string `json:"action"`
	Threshold string `json:"threshold"`
	Actual    string `json:"actual"`
	RemedyKey string `json:"remedyKey,omitempty"`
	Remedy    string `json:"remedy,omitempty"`
}

func viewOf(d *appsdk.Decision) decisionView {
	v := decisionView{
		Outcome: d.Outcome, MessageKey: d.MessageKey, Link: d.Link, ConnectVPN: d.ConnectVPN,
		RecheckSeconds: d.RecheckSeconds, TriesLeft: d.TriesLeft,
	}
	if d.MessageKey != "" {
		v.Message = mail.Say(d.MessageKey)
	}
	for i := range d.Prompts() {
		v.Prompts = append(v.Prompts, d.Prompt(i))
	}
	for i := range d.Findings() {
		f := d.Finding(i)
		v.Findings = append(v.Findings, findingView{
			Check: f.Check, Action: f.Action, Threshold: f.Threshold, Actual: f.Actual, RemedyKey: f.RemedyKey, Remedy: f.Remedy,
		})
	}
	return v
}

// opens reports whether the work account opens.
func opens(d *appsdk.Decision) bool { return d.Outcome == appsdk.Proceed || d.Outcome == appsdk.Warn }

// printDecision prints a decision; errRefused where the account stays shut.
func (p *program) printDecision(d *appsdk.Decision) error {
	v := viewOf(d)
	if err := p.print(v, func() { v.print(p) }); err != nil {
		return err
	}
	if !opens(d) {
		return errRefused
	}
	return nil
}

func (v decisionView) print(p *program) {
	say := func(format string, args ...any) {
		fmt.Fprintf(p.env.stdout, "%s\n", plain(fmt.Sprintf(format, args...)))
	}
	say("%s", v.line())
	for _, f := range v.Findings {
		say("  %s: %s: is %s, asked is %s%s", f.Action, f.Check, or(f.Actual, "not known"), or(f.Threshold, "nothing"), after(": ", f.Remedy))
	}
	if v.ConnectVPN {
		say("  the VPN has to be up first")
	}
	if v.Outcome == appsdk.NeedPIN {
		say("  %s", v.next())
	}
}

// line sums a decision up.
func (v decisionView) line() string {
	text := v.Outcome + after(": ", v.MessageKey)
	if v.MessageKey != "" {
		text += ": " + v.Message
	}
	if v.Outcome == appsdk.NeedPIN && v.TriesLeft >= 0 {
		text += fmt.Sprintf(" (%d tries are left)", v.TriesLeft)
	}
	return text + after(": ", v.Link)
}

// next says which command answers the prompt.
func (v decisionView) next() string {
	switch v.Prompts[0] {
	case "set-pin":
		return "mdm-agent app pin set"
	case "change-pin":
		return "mdm-agent app pin change"
	case "reset-pin":
		return "mdm-agent app pin reset"
	}
	return "mdm-agent app open"
}
