package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `mdmctl speaks to a Ringfence server as an administrator: it lets phones in, sets
policy, shows who is fit and why, and takes the company's data back.

What goes above a threshold, and what loosens a limit, waits for a second person:
mdmctl get requests shows what waits, mdmctl approve request ID lets it happen.

The server, the authority to trust and the credential come from a context in
~/.config/mdmctl/config.yaml, or the file named by MDMCTL_CONFIG or --config.`

const rootExample = `  mdmctl create token --ownership personal --mode work-profile --group sales
  mdmctl apply -f policy.yaml
  mdmctl get devices --group sales -o wide
  mdmctl describe device ID
  mdmctl wipe device ID --scope work-profile --reason "phone is sold" --dry-run
  mdmctl get requests --state waiting`

// exitCodes is part of the help: scripts rely on it.
const exitCodes = `
Exit codes:
  0 done                          4 refused: state, role, limits, or a conflict
  1 failed                        5 cannot reach the server, or not authorised
  2 wrong command line or file    6 what was waited for did not come in time
  3 not found                   130 interrupted
`

// formatsKey is the annotation of a command that has other output formats than
// the usual ones.
const formatsKey = "formats"

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "mdmctl",
		Short:             "Administer a Ringfence server",
		Long:              rootLong,
		Example:           rootExample,
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: a.start,
		RunE:              group,
		Args:              cobra.ArbitraryArgs, // group says what is wrong with them
	}
	root.SetUsageTemplate(root.UsageTemplate() + `{{if not .HasParent}}` + exitCodes + `{{end}}`)
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "configuration file (default $MDMCTL_CONFIG or ~/.config/mdmctl/config.yaml)")
	flags.StringVar(&a.contextName, "context", "", "context to use (default the current one)")
	flags.StringVarP(&a.format, "output", "o", "table", "output: "+strings.Join(usualFormats, "|"))
	flags.BoolVar(&a.noHeaders, "no-headers", false, "leave out the headings of tables")
	flags.DurationVar(&a.timeout, "timeout", defaultTimeout,
		"longest time of one command; for watch and --wait, of the whole wait (default no limit)")
	fixedChoices(root, "output", usualFormats)
	completeFlag(root, "context", a.contextNames)
	root.AddCommand(
		a.getCommand(), a.describeCommand(), a.explainCommand(), a.createCommand(), a.applyCommand(), a.deleteCommand(),
		a.revokeCommand(), a.wipeCommand(), a.lockCommand(), a.relinquishCommand(), a.liftCommand(),
		a.cancelCommand(), a.retireCommand(), a.watchCommand(),
		a.approveCommand(), a.rejectCommand(), a.stopCommand(), a.resumeCommand(), a.setCommand(),
		a.accessCommand(), a.auditCommand(), a.configCommand(), completionCommand(), a.versionCommand(),
	)
	return root
}

// start runs before every command whose arguments are right in number and form.
func (a *app) start(cmd *cobra.Command, _ []string) error {
	allowed := usualFormats
	if own := cmd.Annotations[formatsKey]; own != "" {
		allowed = strings.Split(own, "|")
		if !cmd.Flags().Changed("output") {
			a.format = allowed[0]
		}
	}
	if !slices.Contains(allowed, a.format) {
		return fmt.Errorf("output %q is not one of %s", a.format, strings.Join(allowed, ", "))
	}
	if a.timeout <= 0 {
		return fmt.Errorf("--timeout must be more than 0")
	}
	// cobra looks at these only afterwards, when it is too late to tell its
	// errors from those of the command itself.
	if err := errors.Join(cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()); err != nil {
		return err
	}
	a.started = true
	return nil
}

// oneName and someNames check how many things are named.
func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s takes one name, not %d: %s", cmd.CommandPath(), len(args), cmd.UseLine())
	}
	return nil
}

func someNames(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("%s takes at least one name: %s", cmd.CommandPath(), cmd.UseLine())
	}
	return nil
}

// group is the deed of a command that only has commands below it: help when it
// is asked for nothing at all, else an error that says what there is.
func group(cmd *cobra.Command, args []string) error {
	if !cmd.HasParent() && len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	choose := fmt.Sprintf("choose from: %s", strings.Join(names, ", "))
	if len(args) == 0 {
		return usagef("%s needs one more word; %s", cmd.CommandPath(), choose)
	}
	kind, name, found := strings.Cut(args[0], "/")
	if found && (slices.Contains(names, kind) || slices.Contains(names, kind+"s")) {
		return usagef("write it as two words: %s %s %s", cmd.CommandPath(), kind, name)
	}
	for _, distance := range []int{1, 2} { // the nearest, where there is one
		cmd.SuggestionsMinimumDistance = distance
		if near := cmd.SuggestionsFor(args[0]); len(near) == 1 {
			choose = fmt.Sprintf("did you mean %s?", near[0])
			break
		}
	}
	return usagef("%s knows no %q; %s", cmd.CommandPath(), args[0], choose)
}

// groupCommand makes a command that only has commands below it.
func groupCommand(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, RunE: group, Args: cobra.ArbitraryArgs}
	cmd.AddCommand(subs...)
	return cmd
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of mdmctl",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(a.out, "mdmctl", version)
			return nil
		},
	}
}
