package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ringfence/internal/enroll"
	"ringfence/internal/identity"
)

// createAdministrator makes a credential. What it is for is said each time: a
// role that nobody chose would be too much or too little.
func createAdministrator(cfg *Config) *cobra.Command {
	var (
		as        enroll.Appointment
		role, out string
	)
	cmd := &cobra.Command{
		Use:   "create NAME --role ROLE --out FILE",
		Short: "Make a credential and write it as a configuration of mdmctl",
		Long: "Make a credential and write it as a configuration of mdmctl. The roles:\n\n" + roleLines() + "\n" +
			"A credential keeps its role, person and groups: to change them make another\n" +
			"one and revoke the first. Where two people are needed, all credentials of one\n" +
			"person count once.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if as.Role, err = parseRole(role); err != nil {
				return err
			}
			as.Name = args[0]
			return withParts(cmd, cfg, func(p *parts) error {
				if err := p.newAdministrator(cmd.Context(), as, out, p.configured()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "the credential of %s was written to %s\n", described(as), out)
				return err
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&role, "role", "", "what it may do: a `role` of those above")
	flags.StringVar(&as.Person, "person", "", "whose it is (default NAME)")
	flags.StringSliceVar(&as.Groups, "group", nil, "only for devices of this `group`; may be repeated (default every group)")
	flags.StringVar(&out, "out", "", "`file` to write")
	_ = cmd.MarkFlagRequired("out")
	_ = cmd.RegisterFlagCompletionFunc("role", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var words []string
		for _, r := range identity.Roles() {
			words = append(words, string(r)+"\t"+r.About())
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// parseRole reads --role; an error says what there is to choose from.
func parseRole(text string) (identity.Role, error) {
	if text == "" {
		return "", usageError{fmt.Errorf("--role is required; the roles are:\n\n%s", strings.TrimSuffix(roleLines(), "\n"))}
	}
	role, err := identity.ParseRole(text)
	if err != nil {
		return "", usageError{fmt.Errorf("--role: there is no role %q; the roles are:\n\n%s", text, strings.TrimSuffix(roleLines(), "\n"))}
	}
	return role, nil
}

// roleLines describes every role in a line.
func roleLines() string {
	var b strings.Builder
	for _, r := range identity.Roles() {
		fmt.Fprintf(&b, "  %-10s %s\n", r, r.About())
	}
	return b.String()
}

// described says whom a credential is for: "alice (operator, groups hr, sales)".
func described(as enroll.Appointment) string {
	var of string
	if as.Person != "" && as.Person != as.Name {
		of = ", person " + as.Person
	}
	return fmt.Sprintf("%s (%s%s, groups %s)", as.Name, as.Role, of, cmp.Or(strings.Join(as.Groups, ", "), "all"))
}
