package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ringfence/agent/mail"
	"ringfence/agent/phone"
)

// accountFlag adds --account.
func accountFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("account", string(mail.WorkAccount), "work or personal")
}

// accountOf reads it.
func accountOf(text *string) (mail.Account, error) {
	a := mail.Account(*text)
	if a != mail.WorkAccount && a != mail.PersonalAccount {
		return a, usagef("--account %s: %v", *text, mail.ErrNoAccount)
	}
	return a, nil
}

// one wants exactly one argument, which is called what.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("want one %s: see %s --help", what, cmd.CommandPath())
		}
		return nil
	}
}

// textFlags say what a mail holds.
type textFlags struct{ text, file string }

func (f *textFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.text, "text", "", "the text")
	cmd.Flags().StringVar(&f.file, "file", "", "file with the text, - for standard input")
}

func (p *program) content(f textFlags) (string, error) {
	switch {
	case f.text != "" && f.file != "":
		return "", usagef("give one of --text and --file")
	case f.file == "":
		return f.text, nil
	case f.file == "-":
		if p.current != nil {
			return "", usagef("standard input has the commands: give --text")
		}
		data, err := io.ReadAll(io.LimitReader(p.env.stdin, 2<<20))
		return string(data), err
	}
	file, err := os.Open(f.file)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 2<<20))
	return string(data), err
}

func (p *program) listCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the mails of an account", Args: noArgs}
	account := accountFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		which, err := accountOf(account)
		if err != nil {
			return err
		}
		return p.withApp(func(a *mail.App) error {
			mails, err := a.List(which)
			if err != nil {
				return err
			}
			return p.print(mails, func() {
				for _, m := range mails {
					fmt.Fprintf(p.env.stdout, "%s\t%d octets\n", plain(m.Name), m.Size)
				}
			})
		})
	}
	return cmd
}

func (p *program) readCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "read NAME", Short: "Read a mail", Args: one("NAME of a mail")}
	account := accountFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		which, err := accountOf(account)
		if err != nil {
			return err
		}
		return p.withApp(func(a *mail.App) error {
			text, err := a.Read(which, args[0])
			if err != nil {
				return err
			}
			return p.print(map[string]string{"name": args[0], "text": text}, func() {
				for line := range strings.Lines(text) {
					fmt.Fprintln(p.env.stdout, plain(strings.TrimRight(line, "\r\n")))
				}
			})
		})
	}
	return cmd
}

func (p *program) writeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "write NAME", Short: "Write a mail, or another one in its place", Args: one("NAME for the mail"),
		Example: `  mdm-agent app write offer --account work --text "1000 pieces"`,
	}
	account := accountFlag(cmd)
	var f textFlags
	f.flags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		which, err := accountOf(account)
		if err != nil {
			return err
		}
		text, err := p.content(f)
		if err != nil {
			return err
		}
		return p.withApp(func(a *mail.App) error {
			if err := a.Write(which, args[0], text); err != nil {
				return err
			}
			return p.print(mail.Mail{Name: args[0], Size: int64(len(text))}, func() { fmt.Fprintf(p.env.stdout, "%s is kept\n", plain(args[0])) })
		})
	}
	return cmd
}

func (p *program) receiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "receive NAME", Short: "Get a mail: from the account's server, or with --from from another app", Args: one("NAME for the mail"),
		Example: `  mdm-agent app receive offer --text "1000 pieces"
  mdm-agent app receive photo --text "a picture" --from com.example.camera`,
	}
	account := accountFlag(cmd)
	var f textFlags
	var from mail.Peer
	f.flags(cmd)
	cmd.Flags().StringVar(&from.Package, "from", "", "the app that sends it; empty: the mail server")
	cmd.Flags().BoolVar(&from.Managed, "managed", false, "that app is managed for the same work account")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		which, err := accountOf(account)
		if err != nil {
			return err
		}
		text, err := p.content(f)
		if err != nil {
			return err
		}
		return p.withApp(func(a *mail.App) error {
			if from.Package != "" {
				answer, err := a.Receive(which, args[0], text, from)
				return p.printAnswer(answer, err)
			}
			answer := mail.Answer{Gate: "receive", Account: which, Allowed: true}
			return p.printAnswer(answer, a.Write(which, args[0], text))
		})
	}
	return cmd
}

func (p *program) clipboardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "clipboard", Short: "Show what is on the phone's clipboard, or have another app put something there", Args: noArgs,
		Example: `  mdm-agent app clipboard --text "from my notes" --from com.example.notes`,
	}
	var c phone.Clip
	cmd.Flags().StringVar(&c.Text, "text", "", "what another app copies")
	cmd.Flags().StringVar(&c.Package, "from", "com.example.notes", "that app")
	cmd.Flags().BoolVar(&c.Managed, "managed", false, "that app is managed for the same work account, and copies for managed apps")
	cmd.RunE = func(*cobra.Command, []string) error {
		d, err := p.open(false)
		if err != nil {
			return err
		}
		defer d.Close()
		if c.Text != "" {
			if c.Package == p.app.pkg {
				return usagef("--from %s: this app copies with \"mdm-agent app copy\"", c.Package)
			}
			return errors.Join(d.SetClipboard(c), p.print(c, func() { fmt.Fprintln(p.env.stdout, "it is on the clipboard") }))
		}
		clip, err := d.Clipboard()
		if err != nil {
			return err
		}
		return p.print(clip, func() { printClip(p, clip) })
	}
	return cmd
}

func printClip(p *program, c phone.Clip) {
	if c == (phone.Clip{}) {
		fmt.Fprintln(p.env.stdout, "there is nothing on the clipboard")
		return
	}
	fmt.Fprintf(p.env.stdout, "from %s%s", plain(c.Package), after(", account ", c.Account))
	if c.Managed {
		fmt.Fprint(p.env.stdout, ", for managed apps only: what it is does not show")
	} else {
		fmt.Fprintf(p.env.stdout, ": %s", plain(strings.TrimRight(c.Text, "\n")))
	}
	fmt.Fprintln(p.env.stdout)
}
