package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

// streamDeed is a command that sets the status of a stream.
type streamDeed struct {
	use    string
	short  string
	status transmitv1.StreamStatus
	done   string
	// question warns of what is lost; "" where nothing is.
	question string
}

func (a *app) setStream(d streamDeed) *cobra.Command {
	in := &transmitv1.SetStreamStatusRequest{Status: d.status}
	yes := d.question == ""
	cmd := &cobra.Command{
		Use:         d.use + " ID",
		Short:       d.short,
		Long:        d.short + ". The receiver is told.",
		Args:        oneName,
		Annotations: map[string]string{kindKey: "stream"},
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why, for the receiver and the record")
	if d.question != "" {
		cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	}
	a.completeArgs(cmd, streamNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		if !yes {
			fmt.Fprint(a.err, d.question)
		}
		if err := a.confirm(ctx, "Do it?", yes); err != nil {
			return err
		}
		in.Id = args[0]
		r, err := c.transmit.SetStreamStatus(ctx, in)
		switch {
		case err != nil:
			return wrapped(err, "stream", args[0])
		case a.forPrograms():
			return a.writeMessage(r.GetStream())
		}
		a.say("stream", r.GetStream().GetId(), d.done)
		return nil
	})
	return cmd
}

func (a *app) verifyStream() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify ID",
		Short: "Send an event that only shows whether events get through",
		Long: "Send a verification event. Look at the stream a moment later: its last delivery is\n" +
			"then new, or its last error says what is wrong.",
		Example:     "  mdmctl access streams verify ID && mdmctl access streams describe ID",
		Args:        oneName,
		Annotations: map[string]string{kindKey: "stream"},
	}
	a.completeArgs(cmd, streamNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		r, err := c.transmit.VerifyStream(ctx, &transmitv1.VerifyStreamRequest{Id: args[0]})
		switch {
		case err != nil:
			return wrapped(err, "stream", args[0])
		case a.forPrograms():
			return a.writeMessage(r)
		}
		a.say("stream", args[0], "verification sent")
		return nil
	})
	return cmd
}

// deleteStream deletes a stream or, where kind is "webhook", a webhook only.
func (a *app) deleteStream(kind string) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:         "delete ID",
		Short:       "Tell a receiver nothing more, and drop what waits for it",
		Args:        oneName,
		Annotations: map[string]string{kindKey: kind},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	a.completeArgs(cmd, streamNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		r, err := c.transmit.GetStream(ctx, &transmitv1.GetStreamRequest{Id: args[0]})
		if err != nil {
			return wrapped(err, kind, args[0])
		}
		m := r.GetStream()
		if kind == "webhook" && m.GetDelivery() != transmitv1.Delivery_DELIVERY_WEBHOOK {
			return usagef("%s is no webhook, but a stream of %s: mdmctl access streams delete", m.GetId(), printable(m.GetClientName()))
		}
		to := m.GetEndpoint()
		if to == "" {
			to = m.GetClientName()
		}
		fmt.Fprintf(a.err, "%s to %s (%s) will be told nothing more; %s will be lost.\n",
			enumname.Of(m.GetDelivery()), printable(to), m.GetId(), count(m.GetHealth().GetPending(), "event"))
		if err := a.confirm(ctx, "Delete it?", yes); err != nil {
			return err
		}
		deleted, err := c.transmit.DeleteStream(ctx, &transmitv1.DeleteStreamRequest{Id: args[0]})
		switch {
		case err != nil:
			return wrapped(err, kind, args[0])
		case a.forPrograms():
			return a.writeMessage(deleted)
		}
		a.say(kind, m.GetId(), "deleted")
		return nil
	})
	return cmd
}
