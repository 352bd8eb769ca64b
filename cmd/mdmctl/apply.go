package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	"ringfence/internal/policyfile"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func (a *app) applyCommand() *cobra.Command {
	var files []string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make policies be as files say",
		Long: "Make policies be as files say. A file holds one policy a YAML document; - is\n" +
			"standard input; a folder stands for its .yaml, .yml and .json files. Every\n" +
			"document of every file is checked before the first is applied.",
		Example: "  mdmctl apply -f policy.yaml --dry-run\n  mdmctl apply -f policies/ -f extra.yaml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("files are given with -f: %s -f %s", cmd.CommandPath(), args[0])
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&files, "filename", "f", nil, "file, folder or - (may be repeated)")
	flags.BoolVar(&dryRun, "dry-run", false, "show what would change, and change nothing")
	mustHave(cmd, "filename")
	if err := cmd.MarkFlagFilename("filename", "yaml", "yml", "json"); err != nil {
		panic(err) // a slip of the program
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		documents, err := a.readPolicies(files)
		if err != nil {
			return usageError{err}
		}
		return a.calling(func(ctx context.Context, c *client, _ []string) error {
			return a.applyAll(ctx, c, documents, dryRun)
		})(cmd, args)
	}
	return cmd
}

// readPolicies reads everything, and complains about all files at once.
func (a *app) readPolicies(names []string) ([]policyfile.Document, error) {
	var all []policyfile.Document
	var problems []error
	for _, name := range names {
		paths, err := expand(name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		for _, path := range paths {
			documents, err := a.readPolicyFile(path)
			problems = append(problems, err)
			all = append(all, documents...)
		}
	}
	seen := map[string]policyfile.Document{}
	for _, d := range all {
		name := d.Policy.GetMetadata().GetName()
		if first, ok := seen[name]; ok {
			problems = append(problems, fmt.Errorf("%s:%d: policy %q is in %s too, at line %d",
				d.File, d.Line, name, first.File, first.Line))
		}
		seen[name] = d
	}
	return all, errors.Join(problems...)
}

// expand gives the files of a folder, in name order, and any other name as it is.
func expand(name string) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			paths = append(paths, filepath.Join(name, e.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no .yaml, .yml or .json file in this folder", name)
	}
	return paths, nil
}

func (a *app) readPolicyFile(path string) ([]policyfile.Document, error) {
	in, name := a.in, "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read from
		in, name = f, path
	}
	// One byte more than allowed is enough to be refused.
	data, err := io.ReadAll(io.LimitReader(in, policyfile.MaxSize+1))
	if err != nil {
		return nil, err
	}
	return policyfile.Parse(name, data)
}

// applyAll goes on after a policy that the server refuses, so that one run shows
// all that is wrong, and stops where there is no server to speak to.
func (a *app) applyAll(ctx context.Context, c *client, documents []policyfile.Document, dryRun bool) error {
	var results []*compliancev1.ApplyPolicyResponse
	var failed []error
	for _, d := range documents {
		r, err := c.compliance.ApplyPolicy(ctx, &compliancev1.ApplyPolicyRequest{
			Name: d.Policy.GetMetadata().GetName(), Spec: d.Policy.GetSpec(), DryRun: dryRun,
		})
		if err != nil {
			failed = append(failed, placed(d, err))
			if exitCode(err) == exitUnreachable || ctx.Err() != nil {
				break
			}
			continue
		}
		results = append(results, r)
		if !a.forPrograms() {
			a.sayApplied(r, dryRun)
		}
	}
	if a.forPrograms() {
		if err := a.writeApplied(results); err != nil {
			return err
		}
	}
	return lastOf(a, failed)
}

// placed says where in its file the server found a document wrong, as far as the
// answer tells.
func placed(d policyfile.Document, err error) error {
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
		return fmt.Errorf("%s:%d: policy %q: %w", d.File, d.Line, d.Policy.GetMetadata().GetName(), err)
	}
	return usagef("%s", strings.Join(lines, "\n"))
}

func (a *app) sayApplied(r *compliancev1.ApplyPolicyResponse, dryRun bool) {
	p := r.GetPolicy()
	if a.format == "name" {
		fmt.Fprintf(a.out, "policy/%s\n", printable(p.GetName()))
		return
	}
	suffix := ""
	if dryRun {
		suffix = " (dry run)"
	}
	fmt.Fprintf(a.out, "policy/%s %s, revision %d%s\n", printable(p.GetName()), enumname.Of(r.GetChange()), p.GetRevision(), suffix)
	includes := func(x *compliancev1.Assignment) bool { return !x.GetExclude() }
	if !slices.ContainsFunc(p.GetSpec().GetAssignments(), includes) {
		fmt.Fprintf(a.err, "note: no assignment of policy/%s includes anybody: no device gets it\n", printable(p.GetName()))
	}
}

func (a *app) writeApplied(results []*compliancev1.ApplyPolicyResponse) error {
	return showList(a, view[*compliancev1.ApplyPolicyResponse]{}, results)
}

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
