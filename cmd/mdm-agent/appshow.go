package main

import (
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

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
	DeviceTag string `json:"deviceTag,omitempty"`
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
	v.Account = &accountView{Server: a.Work.Server().Address, Registered: sdk.Registered(), User: sdk.User(), DeviceTag: sdk.DeviceTag()}
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
	default:
		to.line("registered", "no; it was at %s", v.Account.Server)
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
