package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"ringfence/internal/policyfile"
)

func (a *app) applyCommand() *cobra.Command {
	var files []string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make policies, apps and locations be as files say",
		Long: "Make policies, apps and locations be as files say. A file holds one of them a YAML\n" +
			"document, of kind Policy, AppProtectionPolicy, App, AccessPolicy or Location; - is\n" +
			"standard input; a folder stands for its .yaml, .yml and .json files. Every document\n" +
			"of every file is checked before the first is applied, and apps and locations are\n" +
			"applied before the policies that speak of them. An AccessTest is passed over.",
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
		if documents, err = a.withoutTests(documents); err != nil {
			return err
		}
		return a.calling(func(ctx context.Context, c *client, _ []string) error {
			return a.applyAll(ctx, c, documents, dryRun)
		})(cmd, args)
	}
	return cmd
}

// withoutTests leaves out what is nothing to apply.
func (a *app) withoutTests(documents []policyfile.Document) ([]policyfile.Document, error) {
	var rest []policyfile.Document
	for _, d := range documents {
		if d.AccessTest == nil {
			rest = append(rest, d)
			continue
		}
		fmt.Fprintf(a.err, "note: %s is nothing to apply: mdmctl access test -f %s\n", thing(d), printable(d.File))
	}
	if len(rest) == 0 {
		return nil, usagef("nothing to apply")
	}
	return rest, nil
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
		key := d.Thing() + "/" + d.Name()
		if first, ok := seen[key]; ok {
			problems = append(problems, fmt.Errorf("%s:%d: %s %q is in %s too, at line %d",
				d.File, d.Line, d.Thing(), d.Name(), first.File, first.Line))
		}
		seen[key] = d
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
	name, data, err := a.readBounded(path)
	if err != nil {
		return nil, err
	}
	return policyfile.Parse(name, data)
}

// readBounded reads a file, or standard input for -, and says what to call it.
func (a *app) readBounded(path string) (name string, data []byte, err error) {
	in, name := a.in, "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", nil, err
		}
		defer func() { _ = f.Close() }() // only read from
		in, name = f, path
	}
	// One byte more than allowed is enough to be refused.
	data, err = io.ReadAll(io.LimitReader(in, policyfile.MaxSize+1))
	return name, data, err
}
