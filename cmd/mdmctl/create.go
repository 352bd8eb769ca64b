package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/enumname"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func (a *app) createCommand() *cobra.Command {
	return groupCommand("create", "Make something new", a.createToken())
}

func (a *app) createToken() *cobra.Command {
	in := &enrollv1.CreateTokenRequest{}
	var expires lifetime
	cmd := &cobra.Command{
		Use:     "token",
		Aliases: []string{"tokens", "tok"},
		Short:   "Make an enrolment token",
		Long: "Make an enrolment token. Its secret is printed once, on standard output, and\n" +
			"kept nowhere: the server has a hash.",
		Example: "  mdmctl create token --ownership personal --mode work-profile --group sales --user maria@example.com\n" +
			"  mdmctl create token --ownership company --mode dedicated --group kiosks --uses 50 --expires 7d -o json",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: describeFormats},
	}
	flags := cmd.Flags()
	addEnum(cmd, &in.Ownership, "ownership", "whose phone it is")
	addEnum(cmd, &in.Mode, "mode", "how the phone is managed")
	flags.StringVar(&in.Group, "group", "", "group of the phones that join (default \"default\")")
	flags.StringVar(&in.User, "user", "", "user of the phones that join")
	flags.Uint32Var(&in.MaxUses, "uses", 1, "how many phones may join, 1 to 10000")
	flags.Var(&expires, "expires", "how long it may be used, 1m to 90d, for example 24h or 7d (default 24h)")
	flags.StringVar(&in.Description, "description", "", "a word for administrators")
	flags.StringVar(&in.RequestKey, "request-key", "", "makes the call safe to repeat (default a new one)")
	for _, required := range []string{"ownership", "mode"} {
		mustHave(cmd, required)
	}
	cmd.RunE = a.calling(func(ctx context.Context, c *client, _ []string) error {
		if in.GetMaxUses() == 0 {
			return usagef("--uses must be 1 or more")
		}
		in.RequestKey = requestKey(in.GetRequestKey())
		if expires > 0 {
			in.Lifetime = durationpb.New(time.Duration(expires))
		}
		r, err := c.enroll.CreateToken(ctx, in)
		if err != nil {
			return err
		}
		if a.forPrograms() {
			return a.writeMessage(r)
		}
		return a.showToken(c, r)
	})
	return cmd
}

func (a *app) showToken(c *client, r *enrollv1.CreateTokenResponse) error {
	t := r.GetToken()
	s := &sheet{w: a.out}
	s.field("Token", t.GetId())
	s.field("Admits", fmt.Sprintf("%s, %s, %s, group %s",
		count(t.GetMaxUses(), "phone"), enumname.Of(t.GetOwnership()), enumname.Of(t.GetMode()), t.GetGroup()))
	s.field("User", t.GetUser())
	s.field("Expires", moment(t.GetExpiresAt(), a.now()))
	if r.GetSecret() == "" {
		s.field("Secret", "shown when this request key was first used")
		return s.flush()
	}
	s.field("Secret", r.GetSecret())
	if err := s.flush(); err != nil {
		return err
	}
	line, err := enrollLine(c, r)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\nThe secret is shown only now. Enrol a phone with it:\n\n  %s\n", line)
	return nil
}

// enrollLine is what to run on a phone. The pins let it trust the server before
// it has ever met it; the mode is how the phone must be provisioned for this
// token, where that is not the agent's default.
func enrollLine(c *client, r *enrollv1.CreateTokenResponse) (string, error) {
	server, err := c.context.DeviceAddress()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "mdm-agent enroll --phone ./phone --server %s", server)
	for _, pin := range pins(c.context.CA) {
		fmt.Fprintf(&b, " --ca-pin %s", pin)
	}
	if mode := r.GetToken().GetMode(); mode != enrollv1.Mode_MODE_WORK_PROFILE {
		fmt.Fprintf(&b, " --mode %s", enumname.Of(mode))
	}
	fmt.Fprintf(&b, " --token %s", printable(r.GetSecret()))
	return b.String(), nil
}

// mustHave panics where cmd has no such flag: a slip of the program.
func mustHave(cmd *cobra.Command, flag string) {
	if err := cmd.MarkFlagRequired(flag); err != nil {
		panic(err)
	}
}
