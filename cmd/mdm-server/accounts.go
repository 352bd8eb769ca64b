package main

import (
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ringfence/internal/directory/scim"
	"ringfence/internal/signin"
)

// accountConfig says where the organisation's people come from.
type accountConfig struct {
	// Issuers are OpenID Connect providers, each as
	// "https://id.example.com,client-id=mail[,client-id=…][,name-claim=email][,groups-claim=roles][,ca-file=PATH]".
	Issuers []string
	// HTTPLoopback takes issuers at http://127.0.0.1 too: for demonstrations.
	HTTPLoopback bool
	// SCIMListen is host:port of the SCIM endpoint, or off.
	SCIMListen string
	// SCIMBaseURL is how SCIM clients reach the endpoint; empty is the name that
	// they called.
	SCIMBaseURL string
}

func (c *accountConfig) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&c.Issuers, "oidc-issuer", c.Issuers,
		"OpenID Connect `issuer` at which people of apps sign in: URL,client-id=ID[,client-id=ID][,name-claim=CLAIM][,groups-claim=CLAIM][,ca-file=PATH]; may be repeated")
	f.BoolVar(&c.HTTPLoopback, "oidc-allow-http-loopback", c.HTTPLoopback, "take an issuer on this very machine without TLS: for demonstrations only")
	_ = f.MarkHidden("oidc-allow-http-loopback")
	f.StringVar(&c.SCIMListen, "scim-listen", c.SCIMListen, "`address` for the identity provider's SCIM 2.0 client, or off")
	f.StringVar(&c.SCIMBaseURL, "scim-base-url", c.SCIMBaseURL, "`URL` of the SCIM endpoint as clients reach it, with /scim/v2 (default: the name they call)")
}

func (c *accountConfig) check() error {
	if _, err := c.signIn(time.Now); err != nil {
		return fmt.Errorf("--oidc-issuer: %w", err)
	}
	return nil
}

// signIn makes the verifier of ID tokens.
func (c *accountConfig) signIn(now func() time.Time) (*signin.Verifier, error) {
	config := signin.Config{AllowHTTPLoopback: c.HTTPLoopback, Now: now}
	for _, text := range c.Issuers {
		// The environment has one variable for all of them.
		for _, one := range strings.Fields(text) {
			issuer, err := parseIssuer(one)
			if err != nil {
				return nil, err
			}
			config.Issuers = append(config.Issuers, issuer)
		}
	}
	return signin.New(config)
}

func parseIssuer(text string) (signin.Issuer, error) {
	parts := strings.Split(text, ",")
	issuer := signin.Issuer{URL: parts[0]}
	for _, part := range parts[1:] {
		key, value, given := strings.Cut(part, "=")
		if !given || value == "" {
			return issuer, fmt.Errorf("%q: write KEY=VALUE behind the URL, with commas between them", part)
		}
		switch key {
		case "client-id":
			issuer.ClientIDs = append(issuer.ClientIDs, value)
		case "name-claim":
			issuer.NameClaim = value
		case "groups-claim":
			issuer.GroupsClaim = value
		case "ca-file":
			issuer.CAFile = value
		default:
			return issuer, fmt.Errorf("there is no %q: use client-id, name-claim, groups-claim or ca-file", key)
		}
	}
	return issuer, nil
}

// scimServer is what identity providers speak to.
func (p *parts) scimServer() (*http.Server, error) {
	tls, err := p.authority.ServerTLS(p.config.names())
	if err != nil {
		return nil, err
	}
	tls.NextProtos = []string{"h2", "http/1.1"}
	return scim.NewServer(scim.New(scim.Config{
		Directory: p.directory, Tokens: p.scimTokens, BaseURL: p.config.Accounts.SCIMBaseURL, Now: p.now, NewID: newID, Log: p.log,
	}), tls, p.log), nil
}

// scimTokenCommand makes and ends the tokens that identity providers come with.
func scimTokenCommand(cfg *Config) *cobra.Command {
	root := &cobra.Command{
		Use:   "scim-token",
		Short: "Make, list and revoke the tokens of SCIM clients",
		Long: "An identity provider shows a token when it tells the server of people and\n" +
			"groups (see --scim-listen). Tokens are made here only, and never over the network.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(&cobra.Command{
		Use: "create NAME", Short: "Make a token and print its secret, this once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withParts(cmd, cfg, func(p *parts) error {
				_, secret, err := p.scimTokens.Create(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}, &cobra.Command{
		Use: "list", Short: "List the tokens, never their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withParts(cmd, cfg, func(p *parts) error { return listSCIMTokens(cmd, p) })
		},
	}, &cobra.Command{
		Use: "revoke NAME", Short: "End a token at once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withParts(cmd, cfg, func(p *parts) error {
				_, err := p.scimTokens.Revoke(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the token %s opens nothing any more\n", args[0])
				return err
			})
		},
	})
	return root
}

func listSCIMTokens(cmd *cobra.Command, p *parts) error {
	tokens, err := p.scimTokens.List(cmd.Context())
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NAME\tCREATED\tREVOKED")
	for _, t := range tokens {
		revoked := "-"
		if !t.RevokedAt.IsZero() {
			revoked = t.RevokedAt.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", t.Name, t.CreatedAt.Format(time.RFC3339), revoked)
	}
	return w.Flush()
}
