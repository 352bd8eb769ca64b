package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

func (a *app) accessWebhooks() *cobra.Command {
	hooks := a.deleteStream("webhook")
	a.completeArgs(hooks, webhookNames)
	return groupCommand("webhooks", "Places that events are posted to as JSON", a.createWebhook(), a.listWebhooks(), hooks)
}

// webhookEvents are those that a webhook may be told of.
var webhookEvents = []transmitv1.EventType{
	transmitv1.EventType_EVENT_TYPE_DEVICE_COMPLIANCE_CHANGE, transmitv1.EventType_EVENT_TYPE_SESSION_REVOKED,
	transmitv1.EventType_EVENT_TYPE_CREDENTIAL_CHANGE, transmitv1.EventType_EVENT_TYPE_RISK_LEVEL_CHANGE,
}

func (a *app) createWebhook() *cobra.Command {
	in := &transmitv1.CreateWebhookRequest{}
	var events []string
	var secretFile string
	choices := strings.Split(eventWords(webhookEvents), ", ")
	cmd := &cobra.Command{
		Use:   "create URL",
		Short: "Have events posted somewhere",
		Long: "Have events posted to a URL as JSON, signed as Standard Webhooks 1.0 has it. Its\n" +
			"secret is printed once, on standard output, and shown nowhere again. There is one\n" +
			"webhook for each URL.",
		Example: "  mdmctl access webhooks create https://hooks.example.com/mdm --event session-revoked\n" +
			"  openssl rand -base64 32 | sed s/^/whsec_/ |\n" +
			"    mdmctl access webhooks create https://hooks.example.com/mdm --secret-file -",
		Args:        oneName,
		Annotations: map[string]string{formatsKey: describeFormats},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&events, "event", nil, "what is told (default everything): "+strings.Join(choices, "|"))
	flags.StringVar(&in.Description, "description", "", "for people")
	flags.StringVar(&secretFile, "secret-file", "", "`file` with a secret of your own; - is standard input (default a new one)")
	fixedChoices(cmd, "event", choices)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		var err error
		if in.Events, err = parseEvents(events); err != nil {
			return err
		}
		if secretFile != "" {
			_, text, err := a.readBounded(secretFile)
			if err != nil {
				return err
			}
			in.Secret = strings.TrimSpace(string(text))
		}
		in.Endpoint = args[0]
		r, err := c.transmit.CreateWebhook(ctx, in)
		switch {
		case err != nil:
			return err // without the URL, whose query may be a secret
		case a.forPrograms():
			return a.writeMessage(r)
		default:
			return a.showWebhook(r)
		}
	})
	return cmd
}

// parseEvents reads names of events that a webhook may be told of.
func parseEvents(names []string) ([]transmitv1.EventType, error) {
	var all []transmitv1.EventType
	for _, name := range names {
		found, ok := enumname.Find(transmitv1.EventType(0).Descriptor(), name)
		if !ok || !slices.Contains(webhookEvents, transmitv1.EventType(found.Number())) {
			return nil, usagef("--event %q: choose from: %s", name, eventWords(webhookEvents))
		}
		all = append(all, transmitv1.EventType(found.Number()))
	}
	return all, nil
}

func (a *app) showWebhook(r *transmitv1.CreateWebhookResponse) error {
	m := r.GetWebhook()
	s := &sheet{w: a.out}
	s.field("Webhook", m.GetId())
	s.field("Endpoint", m.GetEndpoint())
	s.field("Tells", eventWords(m.GetEvents()))
	s.field("Secret", r.GetSecret()+" (shown only now)")
	return s.flush()
}

func (a *app) listWebhooks() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "list [ID...]",
		Aliases:     []string{"ls"},
		Short:       "The webhooks, never their secrets",
		Annotations: map[string]string{kindKey: "webhook"},
	}
	a.completeArgs(cmd, webhookNames)
	return a.streamListing(cmd, &transmitv1.ListStreamsRequest{Delivery: transmitv1.Delivery_DELIVERY_WEBHOOK})
}

func webhookNames(ctx context.Context, c *client) ([]string, error) {
	return namedStreams(ctx, c, transmitv1.Delivery_DELIVERY_WEBHOOK)
}
