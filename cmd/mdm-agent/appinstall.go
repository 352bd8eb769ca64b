package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ringfence/agent/mail"
	"ringfence/agent/mail/browser"
	"ringfence/agent/phone"
)

func (p *program) installCommand() *cobra.Command {
	var version, signer string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the mail app, with some personal mails",
		Long: `install puts the app on the phone, which it makes if there is none in the folder
yet. The first time, the personal account gets some mails. Installed again, the
app has another version, or signer, and keeps what it had.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if p.current != nil {
				return usagef("the app is running")
			}
			return p.install(phone.App{Package: p.app.pkg, Version: version, SignerSHA256: signer})
		},
	}
	cmd.Flags().StringVar(&version, "version", "1.0", "the app's version: dotted numbers")
	cmd.Flags().StringVar(&signer, "signer", "", "SHA-256 of the certificate that signed the app, 64 hex digits (made of the package name unless given)")
	return cmd
}

// firstMails are what the personal account has from the start.
var firstMails = map[string]string{
	"birthday": "Mum turns 60 on Saturday. Cake at four!\n",
	"holiday":  "Two weeks by the sea, from the 3rd. Tickets are with me.\n",
	"recipe":   "Flour, three eggs, milk, a pinch of salt. Let it rest.\n",
}

func (p *program) install(a phone.App) error {
	if a.SignerSHA256 == "" {
		sum := sha256.Sum256([]byte("virtual signer of " + a.Package))
		a.SignerSHA256 = hex.EncodeToString(sum[:])
	}
	if err := a.Check(); err != nil {
		return usageError{err}
	}
	d, err := p.open(true)
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = d.App(a.Package)
	first := errors.Is(err, phone.ErrNoApp)
	if err := d.InstallApp(a); err != nil {
		return err
	}
	if first {
		if err := p.withApp(fill); err != nil {
			return err
		}
	}
	return p.print(a, func() {
		fmt.Fprintf(p.env.stdout, "%s %s is installed, signed by %s\n", a.Package, a.Version, a.SignerSHA256)
		fmt.Fprintf(p.env.stdout, "next: mdm-agent app sign-in --phone %s --server HOST:PORT --ca-pin sha256:...\n", p.dir)
	})
}

// fill gives the personal account its first mails, unless it has some.
func fill(a *mail.App) error {
	mails, err := a.Personal.List()
	if err != nil || len(mails) > 0 {
		return err
	}
	for name, text := range firstMails {
		if err := a.Personal.Write(name, text); err != nil {
			return err
		}
	}
	return nil
}

type signInFlags struct {
	server, ca, caPin, issuer, client string
	timeout                           time.Duration
}

func (p *program) signInCommand() *cobra.Command {
	var f signInFlags
	cmd := &cobra.Command{
		Use:   "sign-in",
		Short: "Add the work account: sign in with the browser",
		Long: `sign-in registers the work account at a server. The person signs in with a
browser on this machine: open the address that is printed. The identity provider
must know the client id as a native app, with the redirect URI
http://127.0.0.1/signed-in and any port (RFC 8252).

What the app kept of a work account before is destroyed first.`,
		Example: `  mdm-agent app sign-in --phone ./phone --server mdm.example.com:8443 --ca-pin sha256:...`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := f.where()
			if err != nil {
				return err
			}
			return p.withApp(func(a *mail.App) error {
				if err := a.Work.SignIn(at, p.browser(cmd, f, false)); err != nil {
					return chosen(err)
				}
				p.note("signed in as %s", a.Work.SDK().User())
				err := p.printDecision(a.Work.Decide(launch))
				if errors.Is(err, errRefused) { // signed in all the same
					return nil
				}
				return err
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.server, "server", "", "address of the server, host:port")
	flags.StringVar(&f.ca, "ca-file", "", "file with the server's root certificate, PEM")
	flags.StringVar(&f.caPin, "ca-pin", "", "SHA-256 of the server's root certificate (DER): sha256: and 64 hex digits")
	f.browserFlags(cmd)
	return cmd
}

// browserFlags are those of every command that may open the browser.
func (f *signInFlags) browserFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.issuer, "issuer", "", "where to sign in, if the server takes several identity providers")
	cmd.Flags().StringVar(&f.client, "client-id", "", "the client id to sign in for, if the server takes several")
	cmd.Flags().DurationVar(&f.timeout, "timeout", browser.DefaultTimeout, "how long to wait for the browser")
}

func (f *signInFlags) where() (mail.Server, error) {
	at := mail.Server{Address: f.server, Pin: f.caPin}
	if f.server == "" {
		return at, usagef("which server? Give --server host:port")
	}
	if (f.ca == "") == (f.caPin == "") {
		return at, usagef("give one of --ca-file FILE and --ca-pin sha256:...: without it the app cannot know its server")
	}
	if f.ca == "" {
		return at, nil
	}
	file, err := os.Open(f.ca)
	if err != nil {
		return at, err
	}
	defer file.Close()
	if at.Roots, err = io.ReadAll(io.LimitReader(file, maxSmallFile)); err == nil && len(at.Roots) == 0 {
		err = fmt.Errorf("%s is empty", f.ca)
	}
	return at, err
}

// browser gives the way to sign in.
func (p *program) browser(cmd *cobra.Command, f signInFlags, again bool) *browser.Browser {
	out := p.env.stdout
	if p.app.output == "json" {
		out = p.env.stderr
	}
	return browser.New(cmd.Context(), browser.Options{
		Issuer: f.issuer, Client: f.client, Again: again, Timeout: f.timeout, Now: p.env.now,
		Show: func(url string) { fmt.Fprintf(out, "Open this URL: %s\n", url) },
	})
}

// chosen says by which flag to choose.
func chosen(err error) error {
	c, ok := errors.AsType[*browser.Choice](err)
	if !ok {
		return err
	}
	return usagef("%v: give --%s", c, map[string]string{"issuer": "issuer", "client id": "client-id"}[c.What])
}

func (p *program) signOutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sign-out",
		Short: "Remove the work account and its data",
		Long: `sign-out destroys the work account's data in this app, then tells the server. The
personal account stays as it is.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.withApp(func(a *mail.App) error {
				untold := false
				if sdk := a.Work.SDK(); sdk != nil {
					var err error
					if untold, err = sdk.SignOut(); err != nil {
						return err
					}
				}
				return p.print(map[string]bool{"signedOut": true, "untold": untold}, func() {
					fmt.Fprintln(p.env.stdout, "signed out: the work account's data is gone from the app")
					if untold {
						fmt.Fprintln(p.env.stdout, "the server does not know yet: \"mdm-agent app check-in\" tells it")
					}
				})
			})
		},
	}
}
