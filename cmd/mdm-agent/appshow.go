package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ringfence/agent/appsdk"
	"ringfence/agent/mail"
	"ringfence/agent/phone"
)

// appView is what "app show" prints; as JSON it is for programs, so that names in
// it stay.
type appView struct {
	App phone.App `json:"app"`
	// Account is the work account; nil before it was added.
	Account  *accountView `json:"account,omitempty"`
	Decision decisionView `json:"decision"`
	// Configuration is what the company tells the app beside its settings.
	Configuration map[string][]string `json:"configuration,omitempty"`
	Personal      int                 `json:"personalMails"`
	// Work counts the work mails; nil while the account is shut.
	Work *int `json:"workMails,omitempty"`
}

type accountView struct {
	Server     string `json:"server"`
	Registered bool   `json:"registered"`
	User       string `json:"user,omitempty"`
	// DeviceTag says that registrations are on one phone.
	DeviceTag      string `json:"deviceTag,omitempty"`
	Registration   string `json:"registration,omitempty"`
	Epoch          int64  `json:"epoch,omitempty"`
	PolicyRevision string `json:"policyRevision,omitempty"`
	// Lease is nil without one.
	Lease *appLeaseView `json:"lease,omitempty"`
}

// appLeaseView is how long the account may go on without its server.
type appLeaseView struct {
	Number            int64     `json:"number"`
	IssuedAt          time.Time `json:"issuedAt"`
	BlockAfterSeconds int64     `json:"blockAfterSeconds,omitempty"`
	WipeAfterSeconds  int64     `json:"wipeAfterSeconds,omitempty"`
	SilentSeconds     int64     `json:"silentSeconds"`
}

func accountViewOf(server string, sdk *appsdk.SDK) *accountView {
	status := sdk.Status()
	v := &accountView{
		Server: server, Registered: sdk.Registered(), User: sdk.User(), DeviceTag: sdk.DeviceTag(),
		Registration: status.RegistrationID, Epoch: status.Epoch, PolicyRevision: status.PolicyRevision,
	}
	if status.LeaseNumber > 0 {
		v.Lease = &appLeaseView{
			Number: status.LeaseNumber, IssuedAt: time.Unix(status.LeaseIssuedUnix, 0).UTC(),
			BlockAfterSeconds: status.BlockAfterSeconds, WipeAfterSeconds: status.WipeAfterSeconds, SilentSeconds: status.SilentSeconds,
		}
	}
	return v
}

func (l *appLeaseView) line() string {
	say := func(seconds int64) string {
		if seconds == 0 {
			return "never"
		}
		return (time.Duration(seconds) * time.Second).String()
	}
	return fmt.Sprintf("number %d of %s: shuts after %s, wipes after %s; silent for %s", l.Number, day(l.IssuedAt),
		say(l.BlockAfterSeconds), say(l.WipeAfterSeconds), time.Duration(l.SilentSeconds)*time.Second)
}

func (p *program) appShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the app, its work account and whether that opens",
		Long: `show tells how the app is: the work account and where it is registered, whether
it opens now and why not, what the company configured, and how many mails there
are. It asks for nothing and does not count as use.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.withApp(func(a *mail.App) error {
				v, err := lookAtApp(a)
				if err != nil {
					return err
				}
				return p.print(v, func() { v.print(p) })
			})
		},
	}
}

func lookAtApp(a *mail.App) (appView, error) {
	d := a.Work.Decide(appsdk.EventTimer)
	v := appView{App: a.Installed(), Decision: viewOf(d)}
	mails, err := a.Personal.List()
	if err != nil {
		return v, err
	}
	v.Personal = len(mails)
	sdk := a.Work.SDK()
	if sdk == nil {
		return v, nil
	}
	v.Account = accountViewOf(a.Work.Server().Address, sdk)
	v.Configuration = configurationOf(sdk.Configuration())
	if opens(d) {
		n, err := a.Work.Count()
		if err != nil {
			return v, err
		}
		v.Work = &n
	}
	return v, nil
}

func configurationOf(c *appsdk.Configuration) map[string][]string {
	if c == nil {
		return nil
	}
	all := map[string][]string{}
	for i := range c.Keys().Len() {
		key := c.Keys().At(i)
		values := c.Values(key)
		for n := range values.Len() {
			all[key] = append(all[key], values.At(n))
		}
	}
	for i := range c.CustomKeys().Len() {
		key := c.CustomKeys().At(i)
		all[key] = append(all[key], c.Custom(key))
	}
	return all
}

func (v appView) print(p *program) {
	w := tabwriter.NewWriter(p.env.stdout, 0, 4, 2, ' ', 0)
	to := page{w}
	to.head("App")
	to.line("package", "%s %s", v.App.Package, v.App.Version)
	to.line("signer", "%s", v.App.SignerSHA256)
	to.head("Work account")
	switch {
	case v.Account == nil:
		to.line("none", "add it with \"mdm-agent app sign-in\"")
	case v.Account.Registered:
		to.line("registered", "%s at %s", v.Account.User, v.Account.Server)
		to.line("registration", "%s, epoch %d", v.Account.Registration, v.Account.Epoch)
	default:
		to.line("registered", "no; it was at %s", v.Account.Server)
	}
	if v.Account != nil && v.Account.Lease != nil {
		to.line("policy", "revision %.12s", v.Account.PolicyRevision)
		to.line("lease", "%s", v.Account.Lease.line())
	}
	to.line("stands", "%s", v.Decision.line())
	for _, f := range v.Decision.Findings {
		to.line(f.Action, "%s: is %s, asked is %s", f.Check, or(f.Actual, "not known"), or(f.Threshold, "nothing"))
	}
	if v.Work != nil {
		to.line("mails", "%d", *v.Work)
	}
	for _, key := range slices.Sorted(maps.Keys(v.Configuration)) {
		to.line(key, "%s", strings.Join(v.Configuration[key], ", "))
	}
	to.head("Personal account")
	to.line("mails", "%d", v.Personal)
	_ = w.Flush()
}
