package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringfence/internal/ctlconfig"
	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Someone waits at a prompt: ask shortly, and for few.
const (
	completionTime = 3 * time.Second
	completions    = 200
)

func completionCommand() *cobra.Command {
	shell := func(name, about, how string, generate func(root *cobra.Command, w io.Writer) error) *cobra.Command {
		return &cobra.Command{
			Use:     name,
			Short:   "Completion for " + name + about,
			Example: "  " + how,
			Args:    cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return generate(cmd.Root(), cmd.OutOrStdout())
			},
		}
	}
	return groupCommand("completion", "Print a shell's completion script",
		shell("bash", " (with its bash-completion package)", "source <(mdmctl completion bash)", func(root *cobra.Command, w io.Writer) error {
			return root.GenBashCompletionV2(w, true)
		}),
		shell("zsh", "", `mdmctl completion zsh > "${fpath[1]}/_mdmctl"`, (*cobra.Command).GenZshCompletion),
		shell("fish", "", "mdmctl completion fish | source", func(root *cobra.Command, w io.Writer) error {
			return root.GenFishCompletion(w, true)
		}))
}

// names asks the server for names to complete, each with a word about it after
// a tab.
type names func(ctx context.Context, c *client) ([]string, error)

func deviceNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.enroll.ListDevices(ctx, &enrollv1.ListDevicesRequest{PageSize: completions})
	var out []string
	for _, d := range r.GetDevices() {
		out = append(out, d.GetId()+"\t"+strings.TrimSpace(d.GetModel()+" "+d.GetUser()))
	}
	return out, err
}

func tokenNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.enroll.ListTokens(ctx, &enrollv1.ListTokensRequest{PageSize: completions})
	var out []string
	for _, t := range r.GetTokens() {
		out = append(out, t.GetId()+"\t"+strings.TrimSpace(t.GetGroup()+" "+t.GetDescription()))
	}
	return out, err
}

func policyNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.compliance.ListPolicies(ctx, &compliancev1.ListPoliciesRequest{PageSize: policyPage})
	var out []string
	for _, p := range r.GetPolicies() {
		out = append(out, p.GetName()+"\t"+p.GetSpec().GetDescription())
	}
	return out, err
}

func wipeNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{PageSize: completions})
	var out []string
	for _, o := range r.GetOrders() {
		out = append(out, o.GetId()+"\t"+orderScope(o)+" of "+o.GetDeviceId())
	}
	return out, err
}

func requestNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.requests.ListRequests(ctx, &wipev1.ListRequestsRequest{PageSize: completions})
	var out []string
	for _, m := range r.GetRequests() {
		out = append(out, m.GetId()+"\t"+requestState(m)+": "+m.GetSummary())
	}
	return out, err
}

func appPolicyNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.apps.ListAppPolicies(ctx, &appprotectv1.ListAppPoliciesRequest{PageSize: policyPage})
	var out []string
	for _, p := range r.GetPolicies() {
		out = append(out, p.GetName()+"\t"+p.GetSpec().GetDescription())
	}
	return out, err
}

func appNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.apps.ListApps(ctx, &appprotectv1.ListAppsRequest{PageSize: policyPage})
	var out []string
	for _, m := range r.GetApps() {
		out = append(out, m.GetPackage()+"\t"+m.GetSpec().GetTitle())
	}
	return out, err
}

func accessPolicyNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.access.ListAccessPolicies(ctx, &accessv1.ListAccessPoliciesRequest{PageSize: completions})
	var out []string
	for _, p := range r.GetPolicies() {
		out = append(out, p.GetName()+"\t"+p.GetSpec().GetDescription())
	}
	return out, err
}

func locationNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.access.ListLocations(ctx, &accessv1.ListLocationsRequest{PageSize: completions})
	var out []string
	for _, l := range r.GetLocations() {
		out = append(out, l.GetName()+"\t"+locationWords(l.GetSpec()))
	}
	return out, err
}

func registrationNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.apps.ListRegistrations(ctx, &appprotectv1.ListRegistrationsRequest{PageSize: completions})
	var out []string
	for _, m := range r.GetRegistrations() {
		out = append(out, m.GetId()+"\t"+m.GetUser()+" in "+m.GetPackage())
	}
	return out, err
}

// groupNames gives the groups of some devices: the server lists no groups.
func groupNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.enroll.ListDevices(ctx, &enrollv1.ListDevicesRequest{PageSize: completions})
	var out []string
	for _, d := range r.GetDevices() {
		out = append(out, d.GetGroup())
	}
	slices.Sort(out)
	return slices.Compact(out), err
}

func certificateNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.compliance.ListCertificates(ctx, &compliancev1.ListCertificatesRequest{PageSize: completions})
	var out []string
	for _, m := range r.GetCertificates() {
		out = append(out, m.GetSerial()+"\t"+m.GetAlias()+" of "+m.GetDeviceId())
	}
	return out, err
}

type completeFunc = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// ask gives the names, none where the server does not answer: a prompt is no
// place for errors.
func (a *app) ask(n names) completeFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		quiet := *a
		quiet.err = io.Discard
		c, err := quiet.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer c.close()
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		found, err := n(ctx, c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for i, line := range found {
			name, about, _ := strings.Cut(line, "\t")
			found[i] = printable(name) + "\t" + printable(about)
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completeArgs(cmd *cobra.Command, n names) { cmd.ValidArgsFunction = a.ask(n) }

// completeDevice completes the flag --device.
func (a *app) completeDevice(cmd *cobra.Command) { completeFlag(cmd, "device", a.ask(deviceNames)) }

// completeFlag panics where cmd has no such flag: a slip of the program.
func completeFlag(cmd *cobra.Command, flag string, f completeFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

func fixedChoices(cmd *cobra.Command, flag string, choices []string) {
	completeFlag(cmd, flag, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

// contextNames completes from the configuration file.
func (a *app) contextNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	path, err := a.path()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	config, err := ctlconfig.Load(path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, x := range config.Contexts {
		out = append(out, x.Name+"\t"+x.Server)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
