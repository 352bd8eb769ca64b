package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

func (a *app) accessStreams() *cobra.Command {
	return groupCommand("streams", "Who is told of events, and whether that gets through",
		a.listStreams(), a.describeStream(), a.verifyStream(),
		a.setStream(streamDeed{
			use: "pause", status: transmitv1.StreamStatus_STREAM_STATUS_PAUSED, done: "paused",
			short: "Hand over nothing for a while; events wait",
		}),
		a.setStream(streamDeed{
			use: "resume", status: transmitv1.StreamStatus_STREAM_STATUS_ENABLED, done: "enabled",
			short: "Hand over again, what waited first",
		}),
		a.setStream(streamDeed{
			use: "disable", status: transmitv1.StreamStatus_STREAM_STATUS_DISABLED, done: "disabled",
			short: "Hand over nothing, and keep nothing", question: "What waits for it will be lost, and so will what comes.\n",
		}),
		a.deleteStream("stream"))
}

func (a *app) listStreams() *cobra.Command {
	filter := &transmitv1.ListStreamsRequest{}
	cmd := &cobra.Command{
		Use:     "list [ID...]",
		Aliases: []string{"ls"},
		Short:   "The streams and webhooks, and how they fare",
		Example: "  mdmctl access streams list -o wide\n" +
			"  mdmctl access streams list --delivery push",
		Annotations: map[string]string{kindKey: "stream"},
	}
	addEnum(cmd, &filter.Delivery, "delivery", "only those of one delivery")
	a.completeArgs(cmd, streamNames)
	return a.streamListing(cmd, filter)
}

// streamListing makes a command that lists streams.
func (a *app) streamListing(cmd *cobra.Command, filter *transmitv1.ListStreamsRequest) *cobra.Command {
	return getListing(a, listing[*transmitv1.Stream]{
		cmd:  cmd,
		view: func(a *app) view[*transmitv1.Stream] { return streamsView(a.now()) },
		list: func(ctx context.Context, c *client, p page) ([]*transmitv1.Stream, string, error) {
			filter.PageSize, filter.PageToken = p.size, p.token
			r, err := c.transmit.ListStreams(ctx, filter)
			return r.GetStreams(), r.GetNextPageToken(), err
		},
	})
}

func streamsView(now time.Time) view[*transmitv1.Stream] {
	type m = *transmitv1.Stream
	return view[m]{kind: "stream", name: m.GetId, columns: []column[m]{
		{"ID", false, m.GetId},
		{"CLIENT", false, m.GetClientName},
		{"DELIVERY", false, func(s m) string { return enumname.Of(s.GetDelivery()) }},
		{"STATUS", false, func(s m) string { return enumname.Of(s.GetStatus()) }},
		{"HEALTH", false, func(s m) string { return healthWord(s.GetHealth()) }},
		{"PENDING", false, func(s m) string { return strconv.FormatUint(s.GetHealth().GetPending(), 10) }},
		{"DEAD", false, func(s m) string { return strconv.FormatUint(s.GetHealth().GetDeadLetters(), 10) }},
		{"DELIVERED", false, func(s m) string { return age(s.GetHealth().GetDeliveredAt(), now) }},
		{"AGE", false, func(s m) string { return age(s.GetCreatedAt(), now) }},
		{"ENDPOINT", true, m.GetEndpoint},
		{"ERROR", true, func(s m) string { return lastError(s.GetHealth()) }},
	}}
}

// healthWord is how handing over goes, in one word.
func healthWord(h *transmitv1.StreamHealth) string {
	switch {
	case h.GetFailures() > 0:
		return "failing"
	case h.GetDeliveredAt() == nil:
		return "unproven"
	default:
		return "well"
	}
}

// lastError is the last failure, while it lasts.
func lastError(h *transmitv1.StreamHealth) string {
	if h.GetFailures() == 0 {
		return ""
	}
	return h.GetLastError()
}

func (a *app) describeStream() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "describe ID",
		Short:       "One stream, with how it fares",
		Args:        oneName,
		Annotations: map[string]string{formatsKey: describeFormats, kindKey: "stream"},
	}
	a.completeArgs(cmd, streamNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		r, err := c.transmit.GetStream(ctx, &transmitv1.GetStreamRequest{Id: args[0]})
		switch {
		case err != nil:
			return wrapped(err, "stream", args[0])
		case a.forPrograms():
			return a.writeMessage(r.GetStream())
		default:
			return a.showStream(r.GetStream())
		}
	})
	return cmd
}

func (a *app) showStream(m *transmitv1.Stream) error {
	now, s := a.now(), &sheet{w: a.out}
	s.field("Stream", m.GetId())
	s.field("Client", m.GetClientName())
	s.field("Client id", m.GetClientId())
	s.field("Delivery", enumname.Of(m.GetDelivery()))
	s.field("Endpoint", m.GetEndpoint())
	s.field("Description", m.GetDescription())
	s.field("Tells", eventWords(m.GetEvents()))
	if m.GetDelivery() != transmitv1.Delivery_DELIVERY_WEBHOOK {
		s.field("Signed by", m.GetAlgorithm())
		s.field("Audience", strings.Join(m.GetAudience(), ", "))
	}
	status := enumname.Of(m.GetStatus())
	if m.GetStatusReason() != "" {
		status += ": " + m.GetStatusReason()
	}
	s.field("Status", status)
	s.field("Created", moment(m.GetCreatedAt(), now))
	s.field("Changed", moment(m.GetUpdatedAt(), now))
	if m.GetVerifiedAt() != nil {
		s.field("Verified", moment(m.GetVerifiedAt(), now))
	}
	return s.section("Health", func(s *sheet) error {
		showHealth(s, m.GetHealth(), now)
		return nil
	})
}

func showHealth(s *sheet, h *transmitv1.StreamHealth, now time.Time) {
	s.field("State", healthWord(h))
	delivered := "never"
	if h.GetDeliveredAt() != nil {
		delivered = moment(h.GetDeliveredAt(), now)
	}
	s.field("Delivered", delivered)
	pending := count(h.GetPending(), "event")
	if h.GetOldestPendingAt() != nil {
		pending += ", the oldest " + moment(h.GetOldestPendingAt(), now)
	}
	s.field("Pending", pending)
	if h.GetFailures() > 0 {
		s.field("Failing", fmt.Sprintf("%s in a row, since %s", count(h.GetFailures(), "failure"), moment(h.GetFailingSince(), now)))
		s.field("Last error", h.GetLastError())
	}
	s.field("Put aside", count(h.GetDeadLetters(), "event"))
}

func eventWords(events []transmitv1.EventType) string {
	words := make([]string, len(events))
	for i, e := range events {
		words[i] = enumname.Of(e)
	}
	return strings.Join(words, ", ")
}

func streamNames(ctx context.Context, c *client) ([]string, error) {
	return namedStreams(ctx, c, transmitv1.Delivery_DELIVERY_UNSPECIFIED)
}

func namedStreams(ctx context.Context, c *client, d transmitv1.Delivery) ([]string, error) {
	r, err := c.transmit.ListStreams(ctx, &transmitv1.ListStreamsRequest{PageSize: completions, Delivery: d})
	var out []string
	for _, m := range r.GetStreams() {
		about := m.GetClientName()
		if about == "" {
			about = m.GetEndpoint()
		}
		out = append(out, m.GetId()+"\t"+about)
	}
	return out, err
}
