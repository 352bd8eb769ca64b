package main

import (
	"errors"

	"github.com/spf13/cobra"

	"ringfence/agent/appsdk"
	"ringfence/agent/mail"
)

const (
	launch = appsdk.EventLaunch
	// mostPrompts bounds how often one opening asks.
	mostPrompts = 10
)

type openFlags struct {
	signInFlags
	pin                  *secretSource
	fingerprint, offline bool
}

func (p *program) openCommand() *cobra.Command {
	f := openFlags{pin: presentPIN()}
	cmd := &cobra.Command{
		Use:   "open",
		Short: "Launch the app: check in, answer prompts, and tell whether the work account opens",
		Long: `open launches the app. It decides by what the phone keeps, checks in with the
server if that answers, and then asks for whatever the policy wants: the PIN, a
fingerprint, a new sign-in. It tells what came of it, and why.

The PIN is read from --pin-file or MDM_APP_PIN, or asked for.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withApp(func(a *mail.App) error { return p.launch(cmd, a, f) })
		},
	}
	f.pin.flags(cmd)
	cmd.Flags().BoolVar(&f.fingerprint, "fingerprint", false, "pass the phone's biometric prompt, where one is enough")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "do not check in")
	f.browserFlags(cmd)
	return cmd
}

func (p *program) launch(cmd *cobra.Command, a *mail.App, f openFlags) error {
	// First by what is kept: a lease that has run out is not saved by being online
	// again.
	d := a.Work.Decide(launch)
	if sdk := a.Work.SDK(); sdk != nil && !f.offline {
		p.sync(sdk)
		d = a.Work.Decide(appsdk.EventResume)
	}
	for range mostPrompts {
		if d.Outcome != appsdk.NeedPIN {
			break
		}
		again, err := p.prompt(cmd, a.Work.SDK(), d.Prompt(0), f)
		if err != nil {
			return err
		}
		// What it led to, not the answer to one try: files open here only.
		key := again.MessageKey
		if d = a.Work.Decide(appsdk.EventResume); d.Outcome == appsdk.NeedPIN && key == "pin_wrong" {
			d.MessageKey = key
		}
		if !again.asked || key == "pin_wrong" && again.given {
			break
		}
		if key == "pin_wrong" {
			p.note("%s", mail.Say(key))
		}
	}
	if d.Outcome == appsdk.Wiped && !f.offline {
		p.sync(a.Work.SDK())
	}
	return p.printDecision(d)
}

// sync checks in; that there is no server is for a person to know, and no error.
func (p *program) sync(sdk *appsdk.SDK) {
	if err := sdk.Sync(); err != nil && !errors.Is(err, appsdk.ErrNotRegistered) {
		p.note("not in contact: %v", explain(err))
	}
}

// answered is what came of a prompt.
type answered struct {
	asked      bool // false: another command answers this prompt
	given      bool // by a file or the environment: it will not be another one
	MessageKey string
}

// prompt answers one prompt.
func (p *program) prompt(cmd *cobra.Command, sdk *appsdk.SDK, what string, f openFlags) (answered, error) {
	switch what {
	case "sign-in":
		return answered{asked: true}, chosen(sdk.SignInAgain(p.browser(cmd, f.signInFlags, true)))
	case "biometric":
		if f.fingerprint {
			d, err := sdk.PassBiometric()
			return answered{asked: true, given: true, MessageKey: d.MessageKey}, err
		}
	case "pin":
	default:
		return answered{}, nil
	}
	_, given, err := p.given(f.pin)
	if err != nil {
		return answered{}, err
	}
	pin, err := p.ask(cmd.Context(), f.pin)
	if err != nil {
		return answered{}, err
	}
	d, err := sdk.Unlock(pin)
	return answered{asked: true, given: given, MessageKey: d.MessageKey}, err
}

func (p *program) checkInCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check-in",
		Short: "Report to the server now, and do what it asks",
		Long: `check-in reports how the phone and the app are, takes the policy, orders and the
lease, and renews the app's certificate when it is time. It tells whether the
work account opens now.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.withSDK(func(a *mail.App, sdk *appsdk.SDK) error {
				if err := sdk.Sync(); err != nil {
					return err
				}
				d := a.Work.Decide(appsdk.EventTimer)
				err := p.printDecision(d)
				if d.Outcome == appsdk.NeedPIN && errors.Is(err, errRefused) {
					return nil // that a prompt waits is nothing the server has said
				}
				return err
			})
		},
	}
}
