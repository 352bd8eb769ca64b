package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ringfence/agent"
	"ringfence/agent/phone"
	"ringfence/agent/session"
)

func (p *program) runCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Keep the phone in touch with its server",
		Long: `run finishes what an earlier run left half done, then listens to the server: it
applies policy, gets certificates, reports how the phone is, and carries out
orders. It ends with the enrolment, or when it is interrupted.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.agent(false, func(d *phone.Phone, a *agent.Agent) error {
				if once {
					return p.over(d, a.Once(cmd.Context()))
				}
				err := a.Run(cmd.Context())
				if errors.Is(err, session.ErrEnded) { // no failure: there is nothing left to run for
					fmt.Fprintln(p.env.stdout, err)
					return nil
				}
				return p.over(d, err)
			})
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "look once, do everything that is due, and exit")
	return cmd
}

// over says how a run ended. Being interrupted is no failure, and neither is an
// order that ends the enrolment.
func (p *program) over(d *phone.Phone, err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	state, err := d.LoadState()
	if err == nil && state.Enrollment == nil && state.Former != nil {
		fmt.Fprintf(p.env.stdout, "the enrolment has ended: %s\n", state.Former.Reason)
	}
	return err
}

func (p *program) leaveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "leave",
		Short: "End the enrolment",
		Long: `leave ends the enrolment, on the server and here. Settings, certificates and keys
that came with it go. Files stay, those of the work profile too.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.agent(false, func(_ *phone.Phone, a *agent.Agent) error {
				if err := a.Leave(cmd.Context()); err != nil {
					return err
				}
				fmt.Fprintln(p.env.stdout, "the phone has left; its files are as they were")
				return nil
			})
		},
	}
}
