package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"ringfence/internal/enumname"
	"ringfence/internal/policyfile"
	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// effect is what came of one document.
type effect struct {
	message proto.Message // the answer, for programs
	change  string
	state   string // "revision 3"
	note    string // what a person may not have meant; "" for nothing
}

// applyAll goes on after a document that the server refuses, so that one run shows
// all that is wrong, and stops where there is no server to speak to.
func (a *app) applyAll(ctx context.Context, c *client, documents []policyfile.Document, dryRun bool) error {
	var results []proto.Message
	var failed []error
	unseen := map[string]string{} // of what a dry run did not make be as it would be, one of a kind
	for _, d := range namedFirst(documents) {
		r, err := applyOne(ctx, c, d, dryRun)
		if err != nil {
			failed = append(failed, placed(d, err, unseen))
			if exitCode(err) == exitUnreachable || ctx.Err() != nil {
				break
			}
			continue
		}
		if dryRun && r.change != enumname.Of(appprotectv1.Change_CHANGE_UNCHANGED) {
			unseen[d.Thing()] = thing(d)
		}
		results = append(results, r.message)
		if !a.forPrograms() {
			a.sayApplied(d, r, dryRun)
		}
	}
	if a.forPrograms() {
		if err := showList(a, view[proto.Message]{}, results); err != nil {
			return err
		}
	}
	return lastOf(a, failed)
}

// namedFirst puts apps and locations before the policies that may speak of them.
func namedFirst(documents []policyfile.Document) []policyfile.Document {
	sorted := slices.Clone(documents)
	rank := func(d policyfile.Document) int {
		if d.App != nil || d.Location != nil {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(sorted, func(x, y policyfile.Document) int { return rank(x) - rank(y) })
	return sorted
}

func applyOne(ctx context.Context, c *client, d policyfile.Document, dryRun bool) (effect, error) {
	switch {
	case d.App != nil:
		r, err := c.apps.ApplyApp(ctx, &appprotectv1.ApplyAppRequest{Package: d.Name(), Spec: d.App.GetSpec(), DryRun: dryRun})
		return effect{message: r, change: enumname.Of(r.GetChange()), state: fmt.Sprintf("version %d", r.GetApp().GetVersion())}, err
	case d.AppPolicy != nil:
		r, err := c.apps.ApplyAppPolicy(ctx, &appprotectv1.ApplyAppPolicyRequest{Name: d.Name(), Spec: d.AppPolicy.GetSpec(), DryRun: dryRun})
		out := effect{message: r, change: enumname.Of(r.GetChange()), state: fmt.Sprintf("revision %d", r.GetPolicy().GetRevision())}
		if people(r.GetPolicy().GetSpec().GetTarget().GetInclude()) == "" {
			out.note = "the target of " + thing(d) + " includes nobody: no app gets it"
		}
		return out, err
	case d.Location != nil:
		r, err := c.access.ApplyLocation(ctx, &accessv1.ApplyLocationRequest{Name: d.Name(), Spec: d.Location.GetSpec(), DryRun: dryRun})
		return effect{message: r, change: enumname.Of(r.GetChange()), state: fmt.Sprintf("version %d", r.GetLocation().GetVersion())}, err
	case d.AccessPolicy != nil:
		r, err := c.access.ApplyAccessPolicy(ctx, &accessv1.ApplyAccessPolicyRequest{Name: d.Name(), Spec: d.AccessPolicy.GetSpec(), DryRun: dryRun})
		state := fmt.Sprintf("revision %d, %s", r.GetPolicy().GetRevision(), enumname.Of(r.GetPolicy().GetSpec().GetState()))
		return effect{message: r, change: enumname.Of(r.GetChange()), state: state, note: shutsAll(d, r.GetPolicy().GetSpec())}, err
	default:
		r, err := c.compliance.ApplyPolicy(ctx, &compliancev1.ApplyPolicyRequest{Name: d.Name(), Spec: d.Policy.GetSpec(), DryRun: dryRun})
		out := effect{message: r, change: enumname.Of(r.GetChange()), state: fmt.Sprintf("revision %d", r.GetPolicy().GetRevision())}
		includes := func(x *compliancev1.Assignment) bool { return !x.GetExclude() }
		if !slices.ContainsFunc(r.GetPolicy().GetSpec().GetAssignments(), includes) {
			out.note = "no assignment of " + thing(d) + " includes anybody: no device gets it"
		}
		return out, err
	}
}

// placed says where in its file the server found a document wrong, as far as the
// answer tells. Configuration is checked against the schema of an app, and places
// must be there; unseen has, of each kind, one that is not as it would be.
func placed(d policyfile.Document, err error, unseen map[string]string) error {
	var lines []string
	for _, v := range violations(err) {
		line, column := d.Place(v.GetField())
		text := v.GetDescription()
		if field := v.GetField(); field != "" { // a rule about the whole request names none
			text = policyfile.InFileWords(field) + ": " + text
		}
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", d.File, line, column, text))
	}
	if len(lines) == 0 {
		return fmt.Errorf("%s:%d: %s %q: %w", d.File, d.Line, d.Thing(), d.Name(), err)
	}
	all := strings.Join(lines, "\n")
	if app := unseen["app"]; app != "" && strings.Contains(all, " spec.config.") {
		lines = append(lines, "hint: the server does not know yet what "+app+" can be told: apply that first, or all without --dry-run")
	}
	if place := unseen["location"]; place != "" && strings.Contains(all, "Locations.names[") {
		lines = append(lines, "hint: the server does not have "+place+" yet: apply that first, or all without --dry-run")
	}
	return usagef("%s", strings.Join(lines, "\n"))
}

func (a *app) sayApplied(d policyfile.Document, r effect, dryRun bool) {
	name := thing(d)
	if a.format == "name" {
		fmt.Fprintln(a.out, name)
		return
	}
	suffix := ""
	if dryRun {
		suffix = " (dry run)"
	}
	fmt.Fprintf(a.out, "%s %s, %s%s\n", name, r.change, r.state, suffix)
	if r.note != "" {
		fmt.Fprintf(a.err, "note: %s\n", r.note)
	}
}

// thing is what a document is of, and its name.
func thing(d policyfile.Document) string { return d.Thing() + "/" + printable(d.Name()) }

// lastOf prints all errors but the last, which it gives back to be the outcome.
func lastOf(a *app, failed []error) error {
	if len(failed) == 0 {
		return nil
	}
	last := len(failed) - 1
	for _, err := range failed[:last] {
		fmt.Fprintln(a.err, explain(err))
	}
	return failed[last]
}
