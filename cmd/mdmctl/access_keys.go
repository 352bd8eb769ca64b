package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

func (a *app) accessSigningKeys() *cobra.Command {
	return groupCommand("signing-keys", "The keys that tokens and events are signed with",
		a.listSigningKeys(), a.rotateSigningKey())
}

func (a *app) listSigningKeys() *cobra.Command {
	return getListing(a, listing[*oauthv1.SigningKey]{
		cmd: &cobra.Command{
			Use:         "list [ID...]",
			Aliases:     []string{"ls"},
			Short:       "The keys that are published",
			Annotations: map[string]string{kindKey: "signing-key"},
		},
		view: func(a *app) view[*oauthv1.SigningKey] { return signingKeysView(a.now()) },
		list: func(ctx context.Context, c *client, _ page) ([]*oauthv1.SigningKey, string, error) {
			r, err := c.oauth.ListSigningKeys(ctx, &oauthv1.ListSigningKeysRequest{})
			return r.GetKeys(), "", err
		},
	})
}

func signingKeysView(now time.Time) view[*oauthv1.SigningKey] {
	type k = *oauthv1.SigningKey
	return view[k]{kind: "signing-key", name: k.GetId, columns: []column[k]{
		{"ID", false, k.GetId},
		{"ALGORITHM", false, k.GetAlgorithm},
		{"NUMBER", false, func(m k) string { return strconv.FormatUint(m.GetNumber(), 10) }},
		{"STATE", false, func(m k) string { return enumname.Of(m.GetState()) }},
		{"SIGNS-FROM", false, func(m k) string { return clock(m.GetSignsFrom().AsTime()) }},
		{"PUBLISHED-UNTIL", false, func(m k) string {
			if m.GetPublishedUntil() == nil {
				return ""
			}
			return clock(m.GetPublishedUntil().AsTime())
		}},
		{"AGE", true, func(m k) string { return age(m.GetCreatedAt(), now) }},
	}}
}

// algorithms are those that there are keys for.
var algorithms = []string{"RS256", "ES256", "EdDSA"}

func (a *app) rotateSigningKey() *cobra.Command {
	in := &oauthv1.RotateSigningKeyRequest{}
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make the next key, which signs in an hour",
		Long: "Make the next key of an algorithm. It is published at once and signs in an hour, so\n" +
			"that receivers know it by then. Where one waits already, it is shown, and nothing is\n" +
			"made. Keys rotate by themselves every 90 days, too.",
		Example: "  mdmctl access signing-keys rotate --algorithm ES256",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Algorithm, "algorithm", "RS256", "of which algorithm: RS256|ES256|EdDSA")
	fixedChoices(cmd, "algorithm", algorithms)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, _ []string) error {
		r, err := c.oauth.RotateSigningKey(ctx, in)
		if err != nil {
			return err
		}
		return showOne(a, signingKeysView(a.now()), r.GetKey())
	})
	return cmd
}
