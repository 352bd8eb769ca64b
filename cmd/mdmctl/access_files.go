package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"ringfence/internal/policyfile"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// accessFiles are the documents of conditional access among some files.
type accessFiles struct {
	policies, locations, tests []policyfile.Document
}

// readAccessFiles reads all files. What is of another kind is left out, since
// people keep all their documents in one folder, and said.
func (a *app) readAccessFiles(names []string) (*accessFiles, error) {
	documents, err := a.readPolicies(names)
	if err != nil {
		return nil, usageError{err}
	}
	files := &accessFiles{}
	for _, d := range documents {
		switch {
		case d.AccessPolicy != nil:
			files.policies = append(files.policies, d)
		case d.Location != nil:
			files.locations = append(files.locations, d)
		case d.AccessTest != nil:
			files.tests = append(files.tests, d)
		default:
			fmt.Fprintf(a.err, "note: %s says nothing of access: left out\n", thing(d))
		}
	}
	return files, nil
}

// checkOnly refuses to decide by no policy at all: whatever is asked, nothing
// would be in the way.
func (f *accessFiles) checkOnly(only bool) error {
	if only && len(f.policies) == 0 {
		return usagef("--only wants at least one AccessPolicy among the files (-f)")
	}
	return nil
}

// candidates are what is to be taken as applied, in the order of the files.
func (f *accessFiles) candidates() ([]*accessv1.AccessPolicyDocument, []*accessv1.LocationDocument) {
	var policies []*accessv1.AccessPolicyDocument
	var locations []*accessv1.LocationDocument
	for _, d := range f.policies {
		policies = append(policies, d.AccessPolicy)
	}
	for _, d := range f.locations {
		locations = append(locations, d.Location)
	}
	return policies, locations
}

// spot is where one case stands: nil where there is none.
type spot struct {
	document policyfile.Document
	index    int
}

func (s *spot) path() string { return fmt.Sprintf("spec.cases[%d]", s.index) }

func (s *spot) String() string {
	line, _ := s.document.Place(s.path())
	return fmt.Sprintf("%s:%d", s.document.File, line)
}

// placed says where in the files the server found something wrong, as far as the
// answer tells.
func (f *accessFiles) placed(err error, at *spot) error {
	var lines []string
	found := false
	for _, v := range violations(err) {
		where, text := "", v.GetDescription()
		d, path := f.document(v.GetField(), err.Error(), at)
		if d != nil {
			line, column := d.Place(path)
			where, found = fmt.Sprintf("%s:%d:%d: ", d.File, line, column), true
		}
		if path != "" {
			text = policyfile.InFileWords(path) + ": " + text
		}
		lines = append(lines, where+text)
	}
	switch {
	case found:
		return usagef("%s", strings.Join(lines, "\n"))
	case at != nil:
		return fmt.Errorf("%s: case %q: %w", at, at.document.AccessTest.GetSpec().GetCases()[at.index].GetName(), err)
	default:
		return err
	}
}

var (
	ofCandidate = regexp.MustCompile(`^(policies|locations)\[(\d{1,9})\]\.?(.*)$`)
	ofPolicy    = regexp.MustCompile(`policy "([^"]*)"`)
)

// document gives the document that a field of a request came from, nil for none,
// and the path in it. Text is the whole answer: it names the policy where a rule
// of one does not hold in the company of the others.
func (f *accessFiles) document(field, text string, at *spot) (*policyfile.Document, string) {
	if m := ofCandidate.FindStringSubmatch(field); m != nil {
		list := f.policies
		if m[1] == "locations" {
			list = f.locations
		}
		if n, err := strconv.Atoi(m[2]); err == nil && n < len(list) {
			return &list[n], m[3]
		}
		return nil, field
	}
	first, _, _ := strings.Cut(field, ".")
	first, _, _ = strings.Cut(first, "[")
	switch first {
	case "sign_in", "facts", "promote":
		if at != nil {
			return &at.document, at.path() + "." + field
		}
	case "spec":
		if m := ofPolicy.FindStringSubmatch(text); m != nil {
			for i := range f.policies {
				if f.policies[i].Name() == m[1] {
					return &f.policies[i], field
				}
			}
		}
	}
	return nil, field
}
