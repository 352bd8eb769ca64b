package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

func (a *app) explainCommand() *cobra.Command {
	return groupCommand("explain", "Tell what would hold, and why", a.explainAppPolicy())
}

func (a *app) explainAppPolicy() *cobra.Command {
	in := &appprotectv1.ExplainAppPolicyRequest{}
	cmd := &cobra.Command{
		Use:     "app-policy",
		Aliases: []string{"app-policies"},
		Short:   "Tell what would hold for a person in an app, and which policies say so",
		Long: "Tell what would hold for a person in an app on a phone that is managed so, which\n" +
			"policies say so, and what is left out since they cannot be merged.",
		Example: `  mdmctl explain app-policy --user maria@example.com --package com.example.mail --level unenrolled
  mdmctl explain app-policy --user new@example.com --group staff --package com.example.mail --level work-profile`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: describeFormats},
	}
	flags := cmd.Flags()
	flags.StringVar(&in.User, "user", "", "the person")
	flags.StringSliceVar(&in.Groups, "group", nil, "assume that the person is in this group (may be repeated; default the groups in the directory)")
	flags.StringVar(&in.Package, "package", "", "the app")
	flags.StringVar(&in.SignerSha256, "signer", "", "SHA-256 of the certificate that signed the app, hex (default the one it is known with)")
	addEnum(cmd, &in.Level, "level", "how the phone is managed")
	for _, flag := range []string{"user", "package", "level"} {
		mustHave(cmd, flag)
	}
	completeFlag(cmd, "package", a.ask(appNames))
	cmd.RunE = a.calling(func(ctx context.Context, c *client, _ []string) error {
		r, err := c.apps.ExplainAppPolicy(ctx, in)
		if err != nil {
			return wrapped(err, "user", in.GetUser())
		}
		if a.forPrograms() {
			return a.writeMessage(r.GetExplanation())
		}
		s := &sheet{w: a.out}
		if err := writeExplanation(s, r.GetExplanation()); err != nil {
			return err
		}
		return s.flush()
	})
	return cmd
}

// explained is one setting, or one piece of configuration, and where it comes from.
type explained struct{ key, value, from string }

// writeExplanation says what holds, and why.
func writeExplanation(s *sheet, e *appprotectv1.Explanation) error {
	p := e.GetPolicy()
	if !p.GetGoverned() {
		s.field("Policies", "none is for this person in this app: it stays shut")
		return nil
	}
	s.field("Revision", p.GetRevision())
	s.field("Policies", strings.Join(e.GetPolicies(), ", "))
	for _, c := range e.GetConflicts() {
		s.field("Conflict", c.GetKey()+": "+c.GetDetail()+" ("+strings.Join(c.GetPolicies(), ", ")+"): left out")
	}
	from := map[string]string{}
	for _, source := range e.GetSources() {
		from[source.GetKey()] = strings.Join(source.GetPolicies(), ", ")
	}
	var rows []explained
	add := func(prefix string, settings []*appprotectv1.Setting) {
		for _, setting := range settings {
			key := prefix + setting.GetKey()
			rows = append(rows, explained{key, strings.Join(setting.GetValues(), ", "), from[key]})
		}
	}
	add("", p.GetSettings())
	add("config.values.", p.GetConfig().GetValues())
	add("config.custom.", p.GetConfig().GetCustom())
	add("config.permissions.", p.GetConfig().GetPermissions())
	if c := p.GetConfig(); c != nil && c.ConnectedApps != nil {
		rows = append(rows, explained{"config.connected_apps", strconv.FormatBool(c.GetConnectedApps()), from["config.connected_apps"]})
	}
	return s.section("Settings", func(s *sheet) error {
		return sheetTable(s, []column[explained]{
			{"SETTING", false, func(x explained) string { return x.key }},
			{"VALUE", false, func(x explained) string { return x.value }},
			{"FROM", false, func(x explained) string { return x.from }},
		}, rows)
	})
}
