package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"ringfence/agent"
)

func (p *program) assertionCommand() *cobra.Command {
	var audience string
	output := "text"
	cmd := &cobra.Command{
		Use:   "assertion",
		Short: "Get a signed statement of the phone's own verdict",
		Long: `assertion asks the server for a statement of whether this phone is compliant, for
an API that checks it by itself, and prints it: a JWT that is good for a few
minutes, and only beside the phone's own certificate. A phone that is not
compliant gets one that says so.

It changes nothing on the phone, and may be called while "mdm-agent run" is on.`,
		Example: `  mdm-agent assertion --audience https://api.example.com`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case audience == "":
				return usagef("for whom? Give --audience, as in --audience https://api.example.com")
			case output != "text" && output != "json":
				return usagef("-o %s: want text or json", output)
			}
			d, err := p.open(false)
			if err != nil {
				return err
			}
			defer d.Close()
			a, err := agent.New(d, agent.Options{Now: d.Now, Log: p.log()}).Assertion(cmd.Context(), audience)
			if err != nil {
				return err
			}
			if output == "json" {
				encoder := json.NewEncoder(p.env.stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(map[string]any{"assertion": a.Token, "expiresAt": a.ExpiresAt})
			}
			_, err = fmt.Fprintln(p.env.stdout, a.Token)
			return err
		},
	}
	cmd.Flags().StringVar(&audience, "audience", "", "the API that is to believe it: its URL or name")
	cmd.Flags().StringVarP(&output, "output", "o", output, "text or json")
	return cmd
}
