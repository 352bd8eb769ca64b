package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "ringfence/proto/mdm/access/v1"
)

// reportFormats leave out names: a report is of none.
const reportFormats = "table|json|yaml"

func (a *app) accessReport() *cobra.Command {
	in := &accessv1.ReportAccessRequest{}
	since := lifetime(7 * day)
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Tell what policies that only report would have done",
		Long: "Tell what policies that only report would have done to the sign-ins of the last\n" +
			"days: each by itself, and all together, or those of --promote together. With -o json\n" +
			"there are examples of each.",
		Example: `  mdmctl access report
  mdmctl access report --promote certificate-bound-sessions --promote safe-phones --since 30d
  mdmctl access report -o json --examples 20`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: reportFormats},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&in.Promote, "promote", nil, "what would this policy do, together with others so named (default every one that only reports)")
	flags.Var(&since, "since", "look at sign-ins no older than this, 30d at most")
	flags.Int32Var(&in.Examples, "examples", 0, "how many examples of each policy, 50 at most (0 for 5)")
	completeFlag(cmd, "promote", a.ask(accessPolicyNames))
	cmd.RunE = a.calling(func(ctx context.Context, c *client, _ []string) error {
		in.Since = timestamppb.New(a.now().Add(-time.Duration(since)))
		r, err := c.access.ReportAccess(ctx, in)
		if err != nil {
			return err
		}
		if a.forPrograms() {
			return a.writeMessage(r)
		}
		return a.writeReport(r, in.GetPromote())
	})
	return cmd
}

func (a *app) writeReport(r *accessv1.ReportAccessResponse, promote []string) error {
	s := &sheet{w: a.out}
	s.field("Sign-ins", fmt.Sprintf("%d, %d different ones", r.GetSignIns(), r.GetDistinctSignIns()))
	s.field("Since", moment(r.GetSince(), a.now()))
	if r.GetDropped() > 0 {
		s.field("Left out", count(r.GetDropped(), "sign-in")+" there was no room for: the numbers are too low")
	}
	if err := s.flush(); err != nil {
		return err
	}
	rows := r.GetPolicies()
	if together := r.GetTogether(); together != nil && len(rows) > 1 {
		name := "all together"
		if len(promote) > 0 {
			name = strings.Join(promote, " + ")
		}
		rows = append(rows[:len(rows):len(rows)], &accessv1.PolicyEffect{
			Name: name, Applied: together.GetApplied(), WouldBlock: together.GetWouldBlock(), WouldPrompt: together.GetWouldPrompt(),
			Users: together.GetUsers(), Devices: together.GetDevices(), Owed: together.GetOwed(),
		})
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.err, "no policy only reports")
		return nil
	}
	fmt.Fprintln(a.out)
	return writeTable(a.out, effectColumns(), rows, !a.noHeaders)
}

func effectColumns() []column[*accessv1.PolicyEffect] {
	type e = *accessv1.PolicyEffect
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return []column[e]{
		{"POLICY", false, e.GetName},
		{"APPLIES", false, func(m e) string { return number(m.GetApplied()) }},
		{"WOULD-BLOCK", false, func(m e) string { return number(m.GetWouldBlock()) }},
		{"WOULD-ASK", false, func(m e) string { return number(m.GetWouldPrompt()) }},
		{"USERS", false, func(m e) string { return number(m.GetUsers()) }},
		{"DEVICES", false, func(m e) string { return number(m.GetDevices()) }},
		{"FOR", false, func(m e) string {
			var words []string
			for _, o := range m.GetOwed() {
				words = append(words, choice(o.GetChoice())+" "+number(o.GetSignIns()))
			}
			return firstFew(words)
		}},
	}
}
