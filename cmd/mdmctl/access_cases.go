package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	accessv1 "ringfence/proto/mdm/access/v1"
)

// caseRun is what "access test" is asked to do.
type caseRun struct {
	files   []string
	only    bool
	promote []string
}

func (a *app) accessTest() *cobra.Command {
	r := &caseRun{}
	cmd := &cobra.Command{
		Use:   "test -f FILE",
		Short: "Try policies on cases of one's own before they are applied",
		Long: "Try policies on cases of one's own before they are applied. Of the files, an\n" +
			"AccessTest says how sign-ins shall be decided; each AccessPolicy and each Location\n" +
			"is taken as applied, for the time of the test. Nothing is changed, and nothing\n" +
			"counted.\n\n" +
			"It ends with 0 where all is as expected, with 1 where some case is not.",
		Example: `  mdmctl access test -f cases.yaml
  mdmctl access test -f cases.yaml -f policies/ && mdmctl apply -f policies/
  mdmctl access test -f cases.yaml -f policies/ --only -o json`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: describeFormats},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&r.files, "filename", "f", nil, "file, folder or - (may be repeated)")
	flags.BoolVar(&r.only, "only", false, "take nothing but the files as applied")
	flags.StringSliceVar(&r.promote, "promote", nil, "in every case, take this policy, which only reports, as on (may be repeated)")
	mustHave(cmd, "filename")
	if err := cmd.MarkFlagFilename("filename", "yaml", "yml", "json"); err != nil {
		panic(err) // a slip of the program
	}
	completeFlag(cmd, "promote", a.ask(accessPolicyNames))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		files, err := a.readAccessFiles(r.files)
		if err != nil {
			return err
		}
		if len(files.tests) == 0 {
			return usagef("no AccessTest among the files (-f): it says how sign-ins shall be decided")
		}
		if err := files.checkOnly(r.only); err != nil {
			return err
		}
		// Each call has its time: how many cases there are is the administrator's.
		return a.waiting(func(ctx context.Context, c *client, _ []string) error {
			return a.runCases(ctx, c, files, r)
		})(cmd, args)
	}
	return cmd
}

// A server bounds how often one administrator calls: this stays below what it
// allows where nobody says otherwise.
const (
	casesPerSecond = 150
	casesAtOnce    = 300
)

// caseResult is what came of one case, as programs read it.
type caseResult struct {
	Name        string       `json:"name"`
	File        string       `json:"file"`
	Line        int          `json:"line"`
	OK          bool         `json:"ok"`
	Outcome     string       `json:"outcome"`
	Differences []difference `json:"differences,omitempty"`
}

// difference is one thing that is not as expected.
type difference struct {
	About string `json:"about"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

func (a *app) runCases(ctx context.Context, c *client, files *accessFiles, r *caseRun) error {
	var results []caseResult
	failed := 0
	pace := rate.NewLimiter(casesPerSecond, casesAtOnce)
	for _, d := range files.tests {
		for i := range d.AccessTest.GetSpec().GetCases() {
			if err := pace.Wait(ctx); err != nil {
				return err
			}
			result, err := runCase(ctx, c, files, r, spot{d, i})
			if err != nil {
				return err
			}
			if !result.OK {
				failed++
			}
			results = append(results, result)
			if !a.forPrograms() {
				a.sayCase(result)
			}
		}
	}
	if err := a.sayCases(results, failed); err != nil || failed == 0 {
		return err
	}
	return fmt.Errorf("%d of %s not as expected", failed, count(len(results), "case"))
}

func runCase(ctx context.Context, c *client, files *accessFiles, r *caseRun, at spot) (caseResult, error) {
	this := at.document.AccessTest.GetSpec().GetCases()[at.index]
	request := &accessv1.WhatIfRequest{
		SignIn: this.GetSignIn(), Facts: this.GetFacts(), OnlyCandidates: r.only,
		// Those of the case first: the server names them by their places.
		Promote: append(slices.Clone(this.GetPromote()), r.promote...),
	}
	request.Policies, request.Locations = files.candidates()
	answer, err := c.doors.WhatIf(ctx, request)
	if err != nil {
		return caseResult{}, files.placed(err, &at)
	}
	d := answer.GetDecision()
	line, _ := at.document.Place(at.path())
	result := caseResult{
		Name: this.GetName(), File: at.document.File, Line: line,
		Outcome: word(d.GetOutcome()), Differences: compare(this.GetExpect(), d),
	}
	result.OK = len(result.Differences) == 0
	return result, nil
}

// sayCase prints one line for a case, and what is not as expected below it.
func (a *app) sayCase(r caseResult) {
	if r.OK {
		fmt.Fprintf(a.out, "ok    %s\n", printable(r.Name))
		return
	}
	fmt.Fprintf(a.out, "FAIL  %s (%s:%d)\n", printable(r.Name), printable(r.File), r.Line)
	for _, d := range r.Differences {
		fmt.Fprintf(a.out, "        %s\n", printable(d.About))
		fmt.Fprintf(a.out, "          want  %s\n", printable(d.Want))
		fmt.Fprintf(a.out, "          got   %s\n", printable(d.Got))
	}
}

func (a *app) sayCases(results []caseResult, failed int) error {
	if a.forPrograms() {
		return a.writeJSON(struct {
			Total  int          `json:"total"`
			Failed int          `json:"failed"`
			Cases  []caseResult `json:"cases"`
		}{len(results), failed, results})
	}
	if failed == 0 {
		fmt.Fprintf(a.out, "%s as expected\n", count(len(results), "case"))
	}
	return nil
}
