package authzen_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/accesscel"
	"ringfence/internal/access/authzen"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/policyfile"
	accessv1 "ringfence/proto/mdm/access/v1"
)

const (
	base  = "https://pdp.example.com"
	phone = device.ID("phone-0001")
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// core decides by the pure core, and notes what it was asked.
type core struct {
	*accesscel.Rules
	snapshot *access.Snapshot
	facts    map[device.ID]access.Facts
	asked    []access.Question
	// err is the answer to everybody, or to the one person in failFor.
	err     error
	failFor string
}

func (c *core) Decide(_ context.Context, q access.Question) (access.Answer, error) {
	c.asked = append(c.asked, q)
	if c.err != nil && (c.failFor == "" || c.failFor == q.SignIn.Person.Name) {
		return access.Answer{}, c.err
	}
	a := &access.Answer{SignIn: q.SignIn, Facts: c.facts[q.Device]}
	a.Decision = access.Decide(c.snapshot, &a.SignIn, &a.Facts, now)
	a.Versions = access.VersionsOf(c.snapshot, &a.SignIn, &a.Facts)
	return *a, nil
}

func (c *core) Snapshot(context.Context) (*access.Snapshot, error) { return c.snapshot, c.err }

// made is one set of rules for all tests: it is dear to make.
var made = sync.OnceValues(accesscel.New)

func newCore(t testing.TB, policies ...access.Policy) *core {
	t.Helper()
	rules, err := made()
	if err != nil {
		t.Fatal(err)
	}
	s, err := access.Compile(access.Ruleset{Policies: policies, Filters: rules, Generation: 7})
	if err != nil {
		t.Fatal(err)
	}
	return &core{Rules: rules, snapshot: s, facts: map[device.ID]access.Facts{}}
}

// certification reads the policies of the example.
func certification(t testing.TB) []access.Policy {
	t.Helper()
	const path = "../../../examples/access-authzen/certification.yaml"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	documents, err := policyfile.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	var policies []access.Policy
	for _, d := range documents {
		s := d.AccessPolicy.GetSpec()
		if s.GetState() != accessv1.PolicyState_POLICY_STATE_ON ||
			len(s.GetGrant().GetControls()) != 1 || s.GetGrant().GetControls()[0] != accessv1.Control_CONTROL_BLOCK {
			t.Fatalf("%s does not block", d.AccessPolicy.GetMetadata().GetName())
		}
		policies = append(policies, access.Policy{Name: d.AccessPolicy.GetMetadata().GetName(), Revision: 1, Spec: access.Spec{
			State:         access.On,
			IncludePeople: access.People{Everyone: s.GetIncludePeople().GetEveryone(), Users: s.GetIncludePeople().GetUsers()},
			ExcludePeople: access.People{Users: s.GetExcludePeople().GetUsers()},
			Apps:          access.Apps{Include: s.GetApps().GetInclude()},
			Conditions:    access.Conditions{Custom: s.GetConditions().GetCustom()},
			Grant:         access.Grant{Operator: access.AllOf, Controls: []access.Control{access.Block}},
		}})
	}
	return policies
}

// blocking blocks everyone from some apps.
func blocking(name string, apps ...string) access.Policy {
	return access.Policy{Name: name, Revision: 3, Spec: access.Spec{
		State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{Include: apps},
		Grant: access.Grant{Operator: access.AllOf, Controls: []access.Control{access.Block}},
	}}
}

// asking asks everyone for controls in an app.
func asking(name, app string, op access.Operator, controls ...access.Control) access.Policy {
	p := blocking(name, app)
	p.Spec.Grant = access.Grant{Operator: op, Controls: controls}
	return p
}

// unfit is a phone whose PIN is too short.
func unfit() access.Facts {
	return access.Facts{Device: &access.Device{
		ID: phone, Epoch: 2, User: "ada@example.com", Platform: access.Android, Version: 1 << 60,
		Compliance: access.Verdict{
			Fitness: access.Unfit, EvidenceAt: now.Add(-time.Minute), Version: 12,
			Findings: []access.Finding{{Rule: "pin-length", Expected: "6", Actual: "4", Remedy: "Choose a PIN of 6 digits.", Link: "https://mdm.example.com/pin"}},
		},
	}}
}

func newDoor(t testing.TB, c *core) *authzen.Door {
	t.Helper()
	d, err := authzen.New(authzen.Config{Decider: c, Catalogue: c, BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// post asks a door; lines of header are "Name: value".
func post(d *authzen.Door, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, base+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.API().ServeHTTP(w, r)
	return w
}

// answered reads an answer with a status of 200.
func answered(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %q: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// decisions gives the decisions of many questions.
func decisions(t testing.TB, w *httptest.ResponseRecorder) []bool {
	t.Helper()
	var all []bool
	for _, each := range answered(t, w)["evaluations"].([]any) {
		all = append(all, each.(map[string]any)["decision"].(bool))
	}
	return all
}

// results gives the ids or names that a search found.
func results(t testing.TB, body map[string]any) []string {
	t.Helper()
	all := []string{}
	for _, each := range body["results"].([]any) {
		one := each.(map[string]any)
		id, ok := one["id"].(string)
		if !ok {
			id = one["name"].(string)
		}
		all = append(all, id)
	}
	return all
}

var errBroken = fault.New(fault.Internal, "", "the database is on fire")
