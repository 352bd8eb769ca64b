package wipe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// wide is an ask for several devices, with the plan that it refers to.
func (w *world) wide(ctx context.Context, t *testing.T, s Scope, target Target) Ask {
	t.Helper()
	w.ids++
	a := Ask{Key: fmt.Sprintf("wide-%04d", w.ids), Target: target, Scope: s, Reason: "left the company"}
	p, err := w.Plan(ctx, a)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	a.Plan = p.Digest
	return a
}

// asked asks, and fails the test if that is refused.
func (w *world) asked(ctx context.Context, t *testing.T, a Ask) (Request, []Order) {
	t.Helper()
	r, orders, err := w.Ask(ctx, a)
	if err != nil {
		t.Fatalf("ask: %v", err)
	}
	return r, orders
}

// waits gives a request for six work profiles, which waits for a second person.
func (w *world) waits(t *testing.T) Request {
	t.Helper()
	ids := w.enrol(6, factsOf(device.Personal, device.WorkProfile))
	r, orders := w.asked(alice(t), t, w.wide(alice(t), t, OfWorkProfile(), Target{Devices: ids}))
	if r.State != Waiting || len(orders) != 0 || len(w.store.orders) != 0 {
		t.Fatalf("got %s with %d orders", r.State, len(orders))
	}
	return r
}

// person enrols n devices of one person, and asks for everything of theirs.
func (w *world) person(t *testing.T, n int) Request {
	t.Helper()
	f := factsOf(device.Personal, device.WorkProfile)
	f.User = "pat"
	w.enrol(n, f)
	a := w.wide(alice(t), t, OfWorkProfile(), Target{User: "pat"})
	a.Standing = true
	p, err := w.Plan(alice(t), a)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	a.Plan = p.Digest
	r, _ := w.asked(alice(t), t, a)
	return r
}

// looser gives a request for looser limits, which waits.
func (w *world) looser(t *testing.T) Request {
	t.Helper()
	l := w.store.limits
	l.PersonDay++
	w.ids++
	r, err := w.Govern(alice(t), Governing{Key: fmt.Sprintf("limits-%04d", w.ids), Reason: "a busy day", Limits: &l})
	if err != nil {
		t.Fatalf("govern: %v", err)
	}
	return r
}

// happenings are what can come to a request, in the order of the table.
var happenings = []string{"approve", "again", "overtaken", "reject", "stop", "sweep", "lift"}

// happen lets it come to the request, and gives the request as it is then.
func (w *world) happen(t *testing.T, r Request, what string) (Request, error) {
	t.Helper()
	var err error
	carol := as(t, administrator("carol", identity.Approver))
	switch what {
	case "approve":
		_, _, err = w.Approve(bob(t), r.ID, "")
	case "again":
		_, _, err = w.Approve(carol, r.ID, "")
	case "overtaken":
		w.overtake(r)
		_, _, err = w.Approve(carol, r.ID, "")
	case "reject":
		_, err = w.Reject(bob(t), r.ID, "no")
	case "stop":
		_, _, err = w.Stop(alice(t), r.ID, "not any more")
	case "sweep":
		_, err = w.Sweep(t.Context())
	case "lift":
		_, _, err = w.Lift(alice(t), r.ID, "pat is back")
	}
	now, found := w.GetRequest(alice(t), r.ID)
	return now, errors.Join(err, found)
}

// overtake changes what the request refers to.
func (w *world) overtake(r Request) {
	if r.Kind == ChangeLimits {
		w.store.limits.Version++
		return
	}
	f := w.facts[r.Devices[0].Device]
	f.Epoch++
	w.facts[f.ID] = f
}

// standing gives a request in that state, got there in the only ways there are.
func (w *world) standing(t *testing.T, begin func(*world, *testing.T) Request, s RequestState) Request {
	t.Helper()
	r := begin(w, t)
	how := map[RequestState]string{Executed: "approve", Rejected: "reject", RequestEnd: "sweep", Stopped: "stop", Void: "overtaken"}[s]
	if s == RequestEnd {
		w.now = w.now.Add(RequestLifetime + time.Microsecond)
	}
	if how != "" {
		r, _ = w.happen(t, r, how)
	}
	if r.State != s {
		t.Fatalf("got %s, want %s", r.State, s)
	}
	return r
}

type lifeRow struct {
	name  string
	begin func(*world, *testing.T) Request
	state RequestState
	late  bool
}

func lifeRows() []lifeRow {
	six := func(w *world, t *testing.T) Request { return w.person(t, 6) }
	rows := []lifeRow{{"waiting", (*world).waits, Waiting, false}, {"  late", (*world).waits, Waiting, true}}
	for _, s := range RequestStates()[1:] {
		rows = append(rows, lifeRow{string(s), (*world).waits, s, false})
		if s == Executed {
			rows = append(rows, lifeRow{"  of a person", six, s, false}, lifeRow{"  of everybody", (*world).looser, s, false})
		}
	}
	return rows
}

// TestRequestLife holds the table in the package comment against what the
// service does: every state and everything that can come to it. The arrows are
// those of the drawing.
func TestRequestLife(t *testing.T) {
	var table strings.Builder
	line := func(cells ...string) {
		row := fmt.Sprintf("//\t%-15s", cells[0])
		for _, c := range cells[1:] {
			row += fmt.Sprintf("%-12s", c)
		}
		table.WriteString(strings.TrimRight(row, " ") + "\n")
	}
	line(append([]string{""}, happenings...)...)
	arrows := map[string]bool{}
	for _, row := range lifeRows() {
		cells := []string{row.name}
		for _, what := range happenings {
			w := newWorld()
			was := w.standing(t, row.begin, row.state)
			if row.late {
				w.now = w.now.Add(RequestLifetime + time.Microsecond)
			}
			is, err := w.happen(t, was, what)
			switch {
			case err != nil && is.State == was.State:
				if diff := cmp.Diff(was, is, cmp.AllowUnexported(Scope{})); diff != "" {
					t.Errorf("%s, %s refused it: it changed (-was +is):\n%s", row.name, what, diff)
				}
				cells = append(cells, "("+strings.ToLower(strings.TrimPrefix(fault.ReasonOf(err), "REQUEST_"))+")")
			case is.State != was.State:
				cells = append(cells, string(is.State))
				arrows[string(was.State)+" "+string(is.State)] = true
			case is.LiftedAt != was.LiftedAt:
				cells = append(cells, "lifted")
			default:
				cells = append(cells, ".")
			}
		}
		line(cells...)
	}
	raw, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), table.String()) {
		t.Errorf("the table of requests in doc.go is not what the service does, which is:\n%s", table.String())
	}
	var got []string
	for a := range arrows {
		got = append(got, a)
	}
	slices.Sort(got)
	want := []string{"executed stopped", "waiting executed", "waiting expired", "waiting rejected", "waiting stopped", "waiting void"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the arrows are not those of the drawing (-want +got):\n%s", diff)
	}
}

// TestSweepHearsTheOther: what was decided while the sweep looked is not ended once
// more.
func TestSweepHearsTheOther(t *testing.T) {
	w := newWorld()
	r := w.waits(t)
	w.now = w.now.Add(RequestLifetime + time.Microsecond)
	w.store.before = func() {
		if _, err := w.Reject(bob(t), r.ID, "no"); err != nil {
			t.Error(err)
		}
	}
	if got, err := w.Sweep(t.Context()); err != nil || got.Lapsed != 0 {
		t.Errorf("got %+v, error %v", got, err)
	}
	if got, err := w.GetRequest(bob(t), r.ID); err != nil || got.State != Rejected || got.Version != 2 {
		t.Errorf("it is %s in version %d, error %v", got.State, got.Version, err)
	}
}

// TestVisible: who does not reach all that a request is about does not see it, and
// one that is about nothing is nobody's but theirs who reach everything.
func TestVisible(t *testing.T) {
	bound := administrator("carol", identity.Viewer)
	bound.Groups = []string{"", "sales"}
	tests := []struct {
		groups []string
		want   bool
	}{{[]string{"sales"}, true}, {[]string{"", "sales"}, true}, {[]string{"hr", "sales"}, false}, {nil, false}}
	for _, tt := range tests {
		for _, k := range []RequestKind{Wipe, UserWipe} {
			r := Request{Kind: k, Groups: tt.groups}
			if got := r.visible(bound); got != tt.want {
				t.Errorf("%s of %q: seen = %t", k, tt.groups, got)
			}
			if !r.visible(administrator("dave", identity.Viewer)) || r.visible(identity.Caller{}) {
				t.Errorf("%s of %q: seen by nobody, or by anybody", k, tt.groups)
			}
		}
	}
}

// TestRequestsThatNeedNobody: they are executed at once, and expire never.
func TestRequestsThatNeedNobody(t *testing.T) {
	w := newWorld()
	r, orders := w.asked(alice(t), t, ask(OfWorkProfile()))
	if r.State != Executed || len(r.Needs) != 0 || !r.ExpiresAt.IsZero() || !r.HeldUntil.IsZero() || r.Decided != (Decision{}) || len(orders) != 1 {
		t.Errorf("got %+v with %d orders", r, len(orders))
	}
	want := Order{
		ID: orders[0].ID, Device: "device-one", Epoch: 3, Sequence: 1, Scope: OfWorkProfile(), State: Pending, Reason: "phone was stolen",
		CreatedBy: "admin:alice", CreatedAt: monday, NotAfter: monday.Add(DefaultLifetime), ChangedAt: monday,
		Request: r.ID, Source: ByAdministrator, Person: "alice", Credential: "5e41a1alice", Ownership: device.Personal, Version: 1,
	}
	if diff := cmp.Diff(want, orders[0]); diff != "" {
		t.Errorf("the order (-want +got):\n%s", diff)
	}
	w.now = w.now.Add(10 * RequestLifetime)
	if _, err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err := w.GetRequest(alice(t), r.ID); err != nil || again.State != Executed {
		t.Errorf("after a while: %s, error %v", again.State, err)
	}
}

func TestRequestInWords(t *testing.T) {
	two := []Enrollment{{"device-one", 1}, {"device-two", 2}}
	tests := []struct {
		r    Request
		want string
	}{
		{Request{Kind: Wipe, Scope: OfWorkProfile(), Devices: two[:1]}, "work profile of device device-one"},
		{Request{Kind: Wipe, Scope: OfWorkProfile(), Devices: make([]Enrollment, 1)}, "work profile of one device"},
		{Request{Kind: Wipe, Scope: OfLock(), Devices: two}, "lock of the work side of 2 devices"},
		{Request{Kind: UserWipe, Scope: OfWorkProfile(), Devices: two}, "everything of one person: work profile of 2 devices so far, until lifted"},
		{Request{Kind: ChangeLimits}, "other limits"},
		{Request{Kind: Resume}, "close the breaker, and let pending orders go on"},
		{Request{Kind: CancelAll}, "close the breaker, and cancel pending orders"},
		{Request{Kind: ChangeLease, Lease: &GroupLease{Group: "sales"}}, "lease of group sales: locks never, wipes never without contact"},
		{Request{Kind: "other"}, "other"},
	}
	for _, tt := range tests {
		if got := tt.r.Summary(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestHint(t *testing.T) {
	w := newWorld()
	r := w.waits(t)
	w.persons = []string{"alice"}
	if got, err := w.Hint(alice(t), r); err != nil || !strings.Contains(got, "mdm-server admin create") {
		t.Errorf("nobody else: got %q, error %v", got, err)
	}
	w.persons = []string{"alice", "bob", "carol"}
	if got, err := w.Hint(alice(t), r); err != nil || !strings.Contains(got, "one of 2 other persons") || !strings.Contains(got, string(r.ID)) {
		t.Errorf("two others: got %q, error %v", got, err)
	}
	if got, err := w.Hint(alice(t), r.next(Executed)); err != nil || got != "" {
		t.Errorf("executed: got %q, error %v", got, err)
	}
	if got := Hint(r.next(Void), 1); got != "" {
		t.Errorf("void: got %q", got)
	}
}
