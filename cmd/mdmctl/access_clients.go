package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

func (a *app) accessClients() *cobra.Command {
	return groupCommand("clients", "Programs that are let in with a secret of their own",
		a.createClient(), a.listClients(), a.revokeClient())
}

// clientScopes are what a client may do.
var clientScopes = []string{"ssf.manage", "ssf.read", "access.evaluate"}

func (a *app) createClient() *cobra.Command {
	in := &oauthv1.CreateClientRequest{}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Let a program in",
		Long: "Let a program in at the doors that speak HTTP: an identity provider, a gateway,\n" +
			"an application. Its secret is printed once, on standard output, and kept nowhere:\n" +
			"the server has a hash.\n\n" +
			"  ssf.manage       make, change and read event streams of its own\n" +
			"  ssf.read         read event streams of its own, and take events\n" +
			"  access.evaluate  ask for decisions about anybody",
		Example: "  mdmctl access clients create okta --scope ssf.manage --scope ssf.read\n" +
			"  mdmctl access clients create nginx-1 --scope access.evaluate -o json",
		Args:        oneName,
		Annotations: map[string]string{formatsKey: describeFormats, kindKey: "client"},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&in.Scopes, "scope", nil, "what it may do, one or more: "+strings.Join(clientScopes, "|"))
	flags.StringVar(&in.RequestKey, "request-key", "", "makes the call safe to repeat (default a new one)")
	fixedChoices(cmd, "scope", clientScopes)
	mustHave(cmd, "scope")
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		in.Name, in.RequestKey = args[0], requestKey(in.GetRequestKey())
		r, err := c.oauth.CreateClient(ctx, in)
		switch {
		case err != nil:
			return wrapped(err, "client", args[0])
		case a.forPrograms():
			return a.writeMessage(r)
		default:
			return a.showClient(r)
		}
	})
	return cmd
}

func (a *app) showClient(r *oauthv1.CreateClientResponse) error {
	m := r.GetClient()
	s := &sheet{w: a.out}
	s.field("Client", m.GetName())
	s.field("Id", m.GetId())
	s.field("May", strings.Join(m.GetScopes(), ", "))
	if r.GetSecret() == "" {
		s.field("Secret", "shown when this request key was first used; if it is lost: mdmctl access clients revoke "+m.GetId())
	} else {
		s.field("Secret", r.GetSecret()+" (shown only now)")
	}
	return s.flush()
}

func (a *app) listClients() *cobra.Command {
	filter := &oauthv1.ListClientsRequest{}
	cmd := &cobra.Command{
		Use:         "list [ID...]",
		Aliases:     []string{"ls"},
		Short:       "The clients, never their secrets",
		Annotations: map[string]string{kindKey: "client"},
	}
	cmd.Flags().BoolVar(&filter.ShowRevoked, "revoked", false, "those that were revoked, too")
	a.completeArgs(cmd, clientNames)
	return getListing(a, listing[*oauthv1.Client]{
		cmd:  cmd,
		view: func(a *app) view[*oauthv1.Client] { return clientsView(a.now()) },
		list: func(ctx context.Context, c *client, p page) ([]*oauthv1.Client, string, error) {
			filter.PageSize, filter.PageToken = p.size, p.token
			r, err := c.oauth.ListClients(ctx, filter)
			return r.GetClients(), r.GetNextPageToken(), err
		},
	})
}

func clientsView(now time.Time) view[*oauthv1.Client] {
	type m = *oauthv1.Client
	return view[m]{kind: "client", name: m.GetId, columns: []column[m]{
		{"ID", false, m.GetId},
		{"NAME", false, m.GetName},
		{"STATUS", false, func(c m) string {
			if c.GetRevokedAt() != nil {
				return "revoked"
			}
			return "in-use"
		}},
		{"MAY", false, func(c m) string { return strings.Join(c.GetScopes(), ", ") }},
		{"AGE", false, func(c m) string { return age(c.GetCreatedAt(), now) }},
		{"BY", true, m.GetCreatedBy},
		{"REVOKED", true, func(c m) string { return age(c.GetRevokedAt(), now) }},
	}}
}

func (a *app) revokeClient() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "revoke ID|NAME",
		Short:       "Let a program in no more, with what it was given before, too",
		Args:        oneName,
		Annotations: map[string]string{kindKey: "client"},
	}
	a.completeArgs(cmd, clientNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		id, err := clientID(ctx, c, args[0])
		if err != nil {
			return wrapped(err, "client", args[0])
		}
		r, err := c.oauth.RevokeClient(ctx, &oauthv1.RevokeClientRequest{Id: id})
		switch {
		case err != nil:
			return wrapped(err, "client", args[0])
		case a.forPrograms():
			return a.writeMessage(r.GetClient())
		}
		a.say("client", r.GetClient().GetId(), "revoked ("+r.GetClient().GetName()+")")
		return nil
	})
	return cmd
}

// clientID gives the id of a client in use that is named by id or name. No name
// has an underscore.
func clientID(ctx context.Context, c *client, name string) (string, error) {
	if strings.HasPrefix(name, "c_") {
		return name, nil
	}
	r, err := c.oauth.ListClients(ctx, &oauthv1.ListClientsRequest{PageSize: pageSize})
	if err != nil {
		return "", err
	}
	for _, m := range r.GetClients() {
		if m.GetName() == name {
			return m.GetId(), nil
		}
	}
	return "", notFoundError{fmt.Errorf("none in use has that name\nhint: %s", hintOfReason["NO_CLIENT"])}
}

func clientNames(ctx context.Context, c *client) ([]string, error) {
	r, err := c.oauth.ListClients(ctx, &oauthv1.ListClientsRequest{PageSize: completions})
	var out []string
	for _, m := range r.GetClients() {
		out = append(out, m.GetId()+"\t"+m.GetName())
	}
	return out, err
}
