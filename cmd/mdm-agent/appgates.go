package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ringfence/agent/mail"
)

// answerView is an answer as JSON.
type answerView struct {
	mail.Answer

	Message string `json:"message,omitempty"`
}

// printAnswer prints whether something may be done; errRefused where it may not.
func (p *program) printAnswer(answer mail.Answer, err error) error {
	if err != nil {
		return err
	}
	v := answerView{Answer: answer}
	if answer.MessageKey != "" {
		v.Message = mail.Say(answer.MessageKey)
	}
	err = p.print(v, func() { fmt.Fprintln(p.env.stdout, plain(v.line())) })
	if err == nil && !answer.Allowed {
		err = errRefused
	}
	return err
}

func (v answerView) line() string {
	switch {
	case v.Redacted:
		return "allowed, without the work data in it" + v.because()
	case v.Allowed:
		return "allowed" + v.because()
	}
	return "refused: " + v.MessageKey + ": " + v.Message + v.because()
}

func (v answerView) because() string {
	if v.Setting == "" {
		return ""
	}
	return " (" + v.Setting + ")"
}

// gateFlags are those of a gate.
type gateFlags struct {
	account *string
	to      mail.Peer
	place   string
	textFlags
}

// mailGates are the gates that take a mail through.
func (p *program) mailGates() []*cobra.Command {
	places := "the place: " + strings.Join(mail.Places(), ", ")
	return []*cobra.Command{
		p.gateCommand(&cobra.Command{Use: "copy NAME", Short: "Copy a mail, for another app or this app's personal account"}, "",
			func(a *mail.App, which mail.Account, name string, f gateFlags) (mail.Answer, error) {
				if f.to.Package == "" {
					f.to.Package = p.app.pkg
				}
				return a.Copy(which, name, f.to)
			}),
		p.gateCommand(&cobra.Command{Use: "paste NAME", Short: "Paste what is on the clipboard into an account, as a mail"}, "",
			func(a *mail.App, which mail.Account, name string, _ gateFlags) (mail.Answer, error) {
				return a.Paste(which, name)
			}),
		p.gateCommand(&cobra.Command{Use: "share NAME", Short: "Send a mail to another app"}, "",
			func(a *mail.App, which mail.Account, name string, f gateFlags) (mail.Answer, error) {
				if f.to.Package == "" {
					return mail.Answer{}, usagef("with which app? Give --to PACKAGE")
				}
				return a.Share(which, name, f.to)
			}),
		p.gateCommand(&cobra.Command{Use: "save NAME", Short: "Save a copy of a mail somewhere"}, places,
			func(a *mail.App, which mail.Account, name string, f gateFlags) (mail.Answer, error) {
				return a.Save(which, name, f.place)
			}),
		p.gateCommand(&cobra.Command{Use: "open-from NAME", Short: "Take a file from somewhere, as a mail"}, places,
			func(a *mail.App, which mail.Account, name string, f gateFlags) (mail.Answer, error) {
				text, err := p.content(f.textFlags)
				if err != nil {
					return mail.Answer{}, err
				}
				return a.OpenFrom(which, name, f.place, text)
			}),
	}
}

// gateCommand finishes the command of a gate that takes a mail through.
func (p *program) gateCommand(cmd *cobra.Command, places string, through func(*mail.App, mail.Account, string, gateFlags) (mail.Answer, error)) *cobra.Command {
	cmd.Args = one("NAME of a mail")
	f := gateFlags{account: accountFlag(cmd)}
	if places != "" {
		cmd.Flags().StringVar(&f.place, "place", "local-storage", places)
	}
	switch word, _, _ := strings.Cut(cmd.Use, " "); word {
	case "copy", "share":
		p.peerFlags(cmd, &f.to)
	case "open-from":
		f.textFlags.flags(cmd)
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		which, err := accountOf(f.account)
		if err != nil {
			return err
		}
		return p.withApp(func(a *mail.App) error {
			answer, err := through(a, which, args[0], f)
			return p.printAnswer(answer, err)
		})
	}
	return cmd
}

func (*program) peerFlags(cmd *cobra.Command, to *mail.Peer) {
	cmd.Flags().StringVar(&to.Package, "to", to.Package, "the app on the other side, by its package name")
	cmd.Flags().BoolVar(&to.Managed, "managed", false, "that app is managed for the same work account")
}

// plainGates are the gates that take no mail through.
func (p *program) plainGates() []*cobra.Command {
	var commands []*cobra.Command
	for _, g := range []struct{ name, short, peer string }{
		{"link", "Open a link out of a mail", "com.android.chrome"},
		{"dial", "Call a number out of a mail", "com.google.android.dialer"},
		{"message", "Write to a number out of a mail", "com.google.android.apps.messaging"},
		{"keyboard", "Write with a keyboard", "com.google.android.inputmethod.latin"},
		{"print", "Print a mail", ""},
		{"screenshot", "Make a picture of the screen", ""},
		{"backup", "Have the phone back the account up", ""},
		{"contacts", "Copy the account's contacts to the phone", ""},
		{"store-plain", "Keep mails without the app's own encryption", ""},
	} {
		cmd := &cobra.Command{Use: g.name, Short: g.short, Args: noArgs}
		account, to := accountFlag(cmd), mail.Peer{Package: g.peer}
		if g.peer != "" {
			p.peerFlags(cmd, &to)
		}
		cmd.RunE = func(*cobra.Command, []string) error {
			which, err := accountOf(account)
			if err != nil {
				return err
			}
			return p.withApp(func(a *mail.App) error {
				answer, err := a.Gate(which, g.name, to)
				return p.printAnswer(answer, err)
			})
		}
		commands = append(commands, cmd)
	}
	return append(commands, p.notifyCommand())
}

func (p *program) notifyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "notify", Short: "Show a notification about a new mail", Args: noArgs}
	account := accountFlag(cmd)
	redacts := cmd.Flags().Bool("redacts", true, "the app can leave out what is in the mail")
	cmd.RunE = func(*cobra.Command, []string) error {
		which, err := accountOf(account)
		if err != nil {
			return err
		}
		return p.withApp(func(a *mail.App) error {
			answer, err := a.Notify(which, *redacts)
			return p.printAnswer(answer, err)
		})
	}
	return cmd
}
