package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/policyfile"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// supposition is what the flags of what-if say.
type supposition struct {
	in    accessv1.SignIn
	asOf  pastTime
	facts string // a file
	files []string
	only  bool

	promote []string
}

func (a *app) accessWhatIf() *cobra.Command {
	f := &supposition{}
	cmd := &cobra.Command{
		Use:   "what-if",
		Short: "Decide a sign-in that nobody has made, and tell all reasons",
		Long: "Decide a sign-in that nobody has made, and tell all reasons: the verdict, what is\n" +
			"owed, what each policy says and why, how old the evidence is, and what nobody knows.\n" +
			"It is counted nowhere.\n\n" +
			"--facts names a file with what is to be taken as known of the phone and the app, as\n" +
			"an AccessTest has it: device and registration. -f names policies and locations to\n" +
			"be taken as applied.",
		Example: `  mdmctl access what-if --user maria@example.com --app mail --device ID
  mdmctl access what-if --user maria@example.com --app crm --platform ios --client native --mfa
  mdmctl access what-if --user maria@example.com --app mail --device ID --as-of 2h
  mdmctl access what-if --user maria@example.com --app crm -f policies/ --promote certificate-bound-sessions`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: describeFormats},
	}
	f.add(a, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		request, files, err := a.whatIfRequest(f)
		if err != nil {
			return err
		}
		return a.calling(func(ctx context.Context, c *client, _ []string) error {
			r, err := c.doors.WhatIf(ctx, request)
			if err != nil {
				return files.placed(err, nil)
			}
			if a.forPrograms() {
				return a.writeMessage(r)
			}
			return a.writeDecision(r, request)
		})(cmd, args)
	}
	return cmd
}

func (f *supposition) add(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.in.User, "user", "", "the person (default the one of the phone, or of the registration)")
	flags.StringSliceVar(&f.in.Groups, "group", nil, "assume that the person is in this group (may be repeated; default those in the directory)")
	flags.StringSliceVar(&f.in.Roles, "role", nil, "assume that the person has this role (may be repeated; default those in the directory)")
	flags.StringVar(&f.in.App, "app", "", "what is signed in to")
	addEnum(cmd, &f.in.Action, "action", "what is done instead")
	flags.StringVar(&f.in.DeviceId, "device", "", "on this phone")
	flags.StringVar(&f.in.RegistrationId, "registration", "", "in the app with this registration")
	addEnum(cmd, &f.in.Platform, "platform", "what the client says it runs on")
	addEnum(cmd, &f.in.Client, "client", "what kind of program it is")
	flags.StringVar(&f.in.Address, "address", "", "from this IP address")
	flags.StringVar(&f.in.Country, "country", "", "from this country, two letters")
	addEnum(cmd, &f.in.SignInRisk, "sign-in-risk", "how risky the sign-in is")
	addEnum(cmd, &f.in.UserRisk, "user-risk", "how risky the person is")
	addEnum(cmd, &f.in.Flow, "flow", "how the sign-in is done")
	flags.BoolVar(&f.in.Mfa, "mfa", false, "the person has shown a second factor")
	flags.BoolVar(&f.in.CertificateBound, "certificate-bound", false, "the session is bound to a certificate")
	flags.Var(&f.asOf, "as-of", "by what was stored then: a time such as 2026-03-01T12:00:00Z, or how long ago, such as 2h")
	flags.StringSliceVar(&f.promote, "promote", nil, "take this policy, which only reports, as on (may be repeated)")
	flags.StringVar(&f.facts, "facts", "", "take what this file says as known of the phone and the app")
	flags.StringArrayVarP(&f.files, "filename", "f", nil, "take the policies and locations of this file or folder as applied (may be repeated)")
	flags.BoolVar(&f.only, "only", false, "with -f: take nothing else as applied")
	cmd.MarkFlagsMutuallyExclusive("app", "action")
	a.completeDevice(cmd)
	completeFlag(cmd, "registration", a.ask(registrationNames))
	completeFlag(cmd, "promote", a.ask(accessPolicyNames))
	for _, flag := range []string{"facts", "filename"} {
		if err := cmd.MarkFlagFilename(flag, "yaml", "yml", "json"); err != nil {
			panic(err) // a slip of the program
		}
	}
}

// whatIfRequest reads the files that the flags name.
func (a *app) whatIfRequest(f *supposition) (*accessv1.WhatIfRequest, *accessFiles, error) {
	request := &accessv1.WhatIfRequest{SignIn: &f.in, Promote: f.promote, OnlyCandidates: f.only}
	if at := f.asOf.before(a.now()); !at.IsZero() {
		request.AsOf = timestamppb.New(at)
	}
	files, err := a.readAccessFiles(f.files)
	if err != nil {
		return nil, nil, err
	}
	if err := files.checkOnly(f.only); err != nil {
		return nil, nil, err
	}
	request.Policies, request.Locations = files.candidates()
	if f.facts != "" {
		if request.Facts, err = a.readFacts(f.facts); err != nil {
			return nil, nil, usageError{err}
		}
	}
	return request, files, nil
}

func (a *app) readFacts(path string) (*accessv1.AssumedFacts, error) {
	name, data, err := a.readBounded(path)
	if err != nil {
		return nil, err
	}
	return policyfile.Facts(name, data)
}

// pastTime is a flag's time: one of the calendar, or how long ago.
type pastTime struct {
	text string
	at   time.Time
	ago  lifetime
}

func (p *pastTime) String() string { return p.text }

// Set implements pflag.Value.
func (p *pastTime) Set(s string) error {
	*p = pastTime{text: s}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		p.at = at
		return nil
	}
	if err := p.ago.Set(s); err != nil {
		return fmt.Errorf("want a time such as 2026-03-01T12:00:00Z, or how long ago, such as 2h or 7d")
	}
	return nil
}

// Type implements pflag.Value.
func (p *pastTime) Type() string { return "time" }

// before gives the time, seen from now; zero where none was given.
func (p *pastTime) before(now time.Time) time.Time {
	if p.ago > 0 {
		return now.Add(-time.Duration(p.ago))
	}
	return p.at
}
