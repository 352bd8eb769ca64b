package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

func (a *app) accessDeadLetters() *cobra.Command {
	return groupCommand("dead-letters", "Events that were put aside, because a receiver would not take them",
		a.listDeadLetters(), a.redeliverDeadLetters())
}

func (a *app) listDeadLetters() *cobra.Command {
	var stream string
	cmd := &cobra.Command{
		Use:     "list [EVENT...]",
		Aliases: []string{"ls"},
		Short:   "The events of a stream that were put aside in the last 30 days",
		Example: "  mdmctl access dead-letters list --stream ID",
		Annotations: map[string]string{
			kindKey: "dead-letter",
		},
	}
	cmd.Flags().StringVar(&stream, "stream", "", "of which stream or webhook")
	mustHave(cmd, "stream")
	completeFlag(cmd, "stream", a.ask(streamNames))
	return getListing(a, listing[*transmitv1.DeadLetter]{
		cmd:  cmd,
		view: func(a *app) view[*transmitv1.DeadLetter] { return deadLettersView(a.now()) },
		list: func(ctx context.Context, c *client, p page) ([]*transmitv1.DeadLetter, string, error) {
			r, err := c.transmit.ListDeadLetters(ctx, &transmitv1.ListDeadLettersRequest{
				StreamId: stream, PageSize: p.size, PageToken: p.token,
			})
			return r.GetDeadLetters(), r.GetNextPageToken(), wrapped(err, "stream", stream)
		},
	})
}

func deadLettersView(now time.Time) view[*transmitv1.DeadLetter] {
	type m = *transmitv1.DeadLetter
	return view[m]{kind: "dead-letter", name: m.GetEventId, columns: []column[m]{
		{"EVENT", false, m.GetEventId},
		{"TYPE", false, func(l m) string { return enumname.Of(l.GetType()) }},
		{"DEVICE", false, m.GetDeviceId},
		{"TRIES", false, func(l m) string { return strconv.FormatUint(uint64(l.GetTries()), 10) }},
		{"PUT-ASIDE", false, func(l m) string { return age(l.GetDeadAt(), now) }},
		{"REASON", false, m.GetReason},
		{"TOLD", true, func(l m) string { return age(l.GetCreatedAt(), now) }},
	}}
}

func (a *app) redeliverDeadLetters() *cobra.Command {
	in := &transmitv1.RedeliverDeadLettersRequest{}
	cmd := &cobra.Command{
		Use:   "redeliver [EVENT...]",
		Short: "Let events that were put aside be tried again",
		Long: "Let events that were put aside be tried again. They keep their ids, so that a\n" +
			"receiver that has one knows. They come after what came in the meantime: a receiver\n" +
			"goes by event_timestamp.",
		Example: "  mdmctl access dead-letters redeliver --stream ID EVENT\n" +
			"  mdmctl access dead-letters redeliver --stream ID --all",
	}
	cmd.Flags().StringVar(&in.StreamId, "stream", "", "of which stream or webhook")
	cmd.Flags().BoolVar(&in.All, "all", false, "all of them")
	mustHave(cmd, "stream")
	completeFlag(cmd, "stream", a.ask(streamNames))
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		if in.All == (len(args) > 0) {
			return usagef("name the events, or say --all")
		}
		in.EventIds = args
		r, err := c.transmit.RedeliverDeadLetters(ctx, in)
		switch {
		case err != nil:
			return wrapped(err, "stream", in.GetStreamId())
		case a.forPrograms():
			return a.writeMessage(r)
		}
		a.say("stream", in.GetStreamId(), count(r.GetRedelivered(), "event")+" put back in line")
		return nil
	})
	return cmd
}
