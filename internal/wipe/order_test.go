package wipe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
)

var (
	monday   = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	deadline = monday.Add(time.Hour)
	tooLate  = deadline.Add(time.Microsecond)
)

// orderIn gives an order that got into a state in the only way there is.
func orderIn(s State, scope Scope) Order {
	o := Order{
		ID: "order-one", Device: "device-one", Epoch: 3, Sequence: 1, Scope: scope, State: Pending,
		Reason: "phone was stolen", CreatedBy: "admin:alice",
		CreatedAt: monday, NotAfter: deadline, ChangedAt: monday, Version: 1,
	}
	paths := map[State][]EventKind{
		Pending:      {},
		Delivered:    {Deliver},
		Acknowledged: {Deliver, Acknowledge},
		Done:         {Deliver, Acknowledge, Finish},
		Failed:       {Deliver, Fail},
		Cancelled:    {Deliver, Cancel},
		Expired:      {Deliver, End},
	}
	for _, k := range paths[s] {
		var err error
		if o, err = o.Apply(eventOf(o, k), monday); err != nil {
			panic(err)
		}
	}
	return o
}

func eventOf(o Order, k EventKind) Event {
	switch k {
	case Acknowledge:
		return promise(o)
	case Finish:
		r := Receipt{FinishedAt: monday, Packages: []string{"com.example.mail"}, Files: 4}
		if !o.Scope.EndsEnrollment() {
			r.Packages = o.Scope.Packages()
		}
		return receipted(o, r)
	default:
		return Event{Kind: k, Reason: "because"}
	}
}

// cell says in a word what an event does to an order.
func cell(o Order, k EventKind, now time.Time) string {
	next, err := o.Apply(eventOf(o, k), now)
	switch {
	case errors.Is(err, ErrNotAcknowledged):
		return "(not ack.)"
	case err != nil:
		return "(" + strings.ToLower(strings.TrimPrefix(fault.ReasonOf(err), "ORDER_")) + ")"
	case next.State == o.State && next.Refusals > o.Refusals:
		return "noted"
	case next.State == o.State:
		return "."
	default:
		return string(next.State)
	}
}

// table draws every state and every event.
func table() string {
	var b strings.Builder
	write := func(cells ...string) {
		fmt.Fprintf(&b, "//\t%-13s", cells[0])
		for _, c := range cells[1:] {
			fmt.Fprintf(&b, "%-15s", c)
		}
		line := strings.TrimRight(b.String(), " ")
		b.Reset()
		b.WriteString(line + "\n")
	}
	head := []string{""}
	for _, k := range EventKinds() {
		head = append(head, string(k))
	}
	write(head...)
	for _, s := range States() {
		times := map[string]time.Time{string(s): deadline}
		if s == Pending || s == Delivered {
			times["  late"] = tooLate
		}
		for _, name := range slices.Backward(slices.Sorted(maps.Keys(times))) {
			row := []string{name}
			for _, k := range EventKinds() {
				row = append(row, cell(orderIn(s, OfWorkProfile()), k, times[name]))
			}
			write(row...)
		}
	}
	return b.String()
}

// TestEveryStateAndEvent holds the table in the package comment, which people
// read and have agreed to, against what the code does.
func TestEveryStateAndEvent(t *testing.T) {
	got := table()
	t.Log("\n" + got)
	raw, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), got) {
		t.Errorf("the table in doc.go is not what Apply does, which is:\n%s", got)
	}
}

func TestApply(t *testing.T) {
	apps, err := OfAppData([]string{"com.example.mail", "com.example.chat"})
	if err != nil {
		t.Fatal(err)
	}
	later := monday.Add(time.Minute)
	long := strings.Repeat("ü", MaxReason+1)
	tests := []struct {
		name  string
		from  Order
		event Event
		at    time.Time
		want  func(*Order)
	}{
		{"delivered", orderIn(Pending, apps), Event{Kind: Deliver}, later, func(o *Order) {
			o.State = Delivered
		}},
		{"acknowledged at the last moment", orderIn(Delivered, apps), Event{Kind: Acknowledge}, deadline, func(o *Order) {
			o.State, o.AcknowledgedAt = Acknowledged, deadline
		}},
		{"committed", orderIn(Delivered, OfWorkProfile()), promise(orderIn(Delivered, OfWorkProfile())), later, func(o *Order) {
			o.State, o.AcknowledgedAt = Acknowledged, later
			o.Commitment = &Commitment{
				At: monday, Packages: []string{"com.example.mail"}, Files: 4, Key: oneTime.Public(), Digest: DigestOf([]byte("commitment order-one")),
			}
		}},
		{"refused", orderIn(Delivered, apps), Event{Kind: Refuse, Reason: "signature:\nbad"}, later, func(o *Order) {
			o.Refusals, o.Refusal, o.ChangedAt = 1, "signature: bad", monday
		}},
		{"put back", orderIn(Delivered, apps), Event{Kind: NotNow, Reason: "in a call"}, later, func(o *Order) {
			o.State, o.NotNow = Pending, 1
		}},
		{"app data done, long after its time", orderIn(Acknowledged, apps), receipted(orderIn(Acknowledged, apps), Receipt{
			FinishedAt: later.Add(time.Nanosecond), Packages: []string{"com.example.mail", "com.example.chat", "com.example.mail"}, Files: 7,
		}), tooLate, func(o *Order) {
			o.State, o.SettledAt = Done, tooLate
			o.Receipt = &Receipt{FinishedAt: later, Packages: []string{"com.example.chat", "com.example.mail"}, Files: 7}
		}},
		{"work profile done: not settled before the enrolment has ended", orderIn(Acknowledged, OfWorkProfile()), receipted(orderIn(Acknowledged, OfWorkProfile()), Receipt{
			FinishedAt: later, Packages: []string{"com.anything"}, Keys: 1, Certificates: 2, Bytes: 3,
		}), later, func(o *Order) {
			o.State = Done
			o.Receipt = &Receipt{FinishedAt: later, Packages: []string{"com.anything"}, Keys: 1, Certificates: 2, Bytes: 3}
		}},
		{"failed, in unruly words", orderIn(Delivered, apps), Event{Kind: Fail, Reason: "disk\x00 full\n\tgoroutine 1\xff"}, later, func(o *Order) {
			o.State, o.Outcome, o.SettledAt = Failed, "disk full goroutine 1\uFFFD", later
		}},
		{"failed, in too many words", orderIn(Acknowledged, apps), Event{Kind: Fail, Reason: long}, later, func(o *Order) {
			o.State, o.Outcome, o.SettledAt = Failed, long[:2*MaxReason], later
		}},
		{"failed, without a word", orderIn(Acknowledged, apps), Event{Kind: Fail}, later, func(o *Order) {
			o.State, o.Outcome, o.SettledAt = Failed, "no reason given", later
		}},
		{"cancelled", orderIn(Delivered, apps), Event{Kind: Cancel, Reason: "found it"}, later, func(o *Order) {
			o.State, o.Outcome, o.SettledAt = Cancelled, "found it", later
		}},
		{"expired by time", orderIn(Delivered, apps), Event{Kind: Expire}, tooLate, func(o *Order) {
			o.State, o.Outcome, o.SettledAt = Expired, "not acknowledged by 2026-03-02T10:00:00Z", tooLate
		}},
		{"expired by the epoch", orderIn(Pending, apps), Event{Kind: End, Reason: "left"}, later, func(o *Order) {
			o.State, o.Outcome, o.SettledAt = Expired, "the enrolment ended", later
		}},
		{"promised, never confirmed", orderIn(Acknowledged, apps), Event{Kind: End}, later, func(o *Order) {
			o.State, o.SettledAt = Expired, later
			o.Outcome = "acknowledged, then the enrolment ended: not confirmed"
		}},
		{"committed, never confirmed", orderIn(Acknowledged, OfWorkProfile()), Event{Kind: End}, later, func(o *Order) {
			o.State, o.SettledAt = Expired, later
			o.Outcome = "committed, not confirmed: the enrolment ended"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.from
			want.Version++
			want.ChangedAt = tt.at
			tt.want(&want)
			got, err := tt.from.Apply(tt.event, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Apply (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplySettles(t *testing.T) {
	done := orderIn(Done, OfWorkProfile())
	if !done.SettledAt.IsZero() {
		t.Fatal("a wiped work profile was settled before its enrolment ended")
	}
	got, err := done.Apply(Event{Kind: End}, tooLate)
	want := done
	want.SettledAt, want.Version = tooLate, done.Version+1
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Apply (-want +got):\n%s%v", diff, err)
	}
	again, err := got.Apply(Event{Kind: End}, tooLate.Add(time.Hour))
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("the end said twice (-once +twice):\n%s%v", diff, err)
	}
}

// TestApplyUnchanged: an event that leads nowhere leaves the very same order,
// version included, and so does a refused one.
func TestApplyUnchanged(t *testing.T) {
	for _, s := range States() {
		for _, k := range EventKinds() {
			o := orderIn(s, OfWorkProfile())
			got, err := o.Apply(eventOf(o, k), monday)
			if err == nil && got.State != o.State || k == Refuse || got.Version == o.Version+1 && s == Done && k == End {
				continue
			}
			if diff := cmp.Diff(o, got); diff != "" {
				t.Errorf("%s by %s, error %v (-want +got):\n%s", s, k, err, diff)
			}
		}
	}
	if _, err := (Order{State: "gone"}).Apply(Event{Kind: Deliver}, monday); fault.KindOf(err) != fault.Internal {
		t.Errorf("unknown state: got error %v, want an internal one", err)
	}
}

func TestNotNowIsBounded(t *testing.T) {
	o := orderIn(Delivered, OfWorkProfile())
	for i := range 2 * MaxNotNow {
		var err error
		if o, err = o.Apply(Event{Kind: NotNow}, monday); err != nil {
			t.Fatal(err)
		}
		if want := uint32(min(i+1, MaxNotNow)); o.NotNow != want {
			t.Fatalf("NotNow = %d, want %d", o.NotNow, want)
		}
		if o, err = o.Apply(Event{Kind: Deliver}, monday); err != nil {
			t.Fatal(err)
		}
	}
	version := o.Version
	o, err := o.Apply(Event{Kind: NotNow}, monday)
	if err != nil || o.State != Delivered || o.Version != version {
		t.Errorf("beyond the bound: got %s, version %d, error %v; want it delivered as it was", o.State, o.Version, err)
	}
	if _, err := o.Apply(promise(o), monday); err != nil {
		t.Errorf("beyond the bound the device may still act: %v", err)
	}
}

func TestReceiptMustFitTheOrder(t *testing.T) {
	apps, err := OfAppData([]string{"com.example.mail"})
	if err != nil {
		t.Fatal(err)
	}
	good := Receipt{FinishedAt: monday, Packages: []string{"com.example.mail"}}
	tests := []struct {
		name  string
		scope Scope
		spoil func(*Receipt)
		want  string // field
	}{
		{"another app", apps, func(r *Receipt) { r.Packages = []string{"com.example.mail", "com.example.photos"} }, "done.packages[1]"},
		{"a path", OfWorkProfile(), func(r *Receipt) { r.Packages = []string{"../../0"} }, "done.packages[0]"},
		{"too many apps", OfWorkProfile(), func(r *Receipt) { r.Packages = slices.Repeat(r.Packages, MaxReceiptPackages+1) }, "done.packages"},
		{"no time", apps, func(r *Receipt) { r.FinishedAt = time.Time{} }, "done.finished_at"},
		{"files beyond counting", apps, func(r *Receipt) { r.Files = 1 << 63 }, "done.files_removed"},
		{"bytes beyond counting", apps, func(r *Receipt) { r.Bytes = 1 << 63 }, "done.bytes_removed"},
		{"keys beyond counting", apps, func(r *Receipt) { r.Keys = 1 << 63 }, "done.keys_removed"},
		{"certificates beyond counting", apps, func(r *Receipt) { r.Certificates = 1 << 63 }, "done.certificates_removed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			receipt := good
			tt.spoil(&receipt)
			o := orderIn(Acknowledged, tt.scope)
			got, err := o.Apply(receipted(o, receipt), monday)
			f, _ := errors.AsType[*fault.Error](err)
			if f == nil || f.Kind != fault.Invalid || f.Fields[0].Name != tt.want {
				t.Errorf("got error %v, want an invalid %s", err, tt.want)
			}
			if diff := cmp.Diff(o, got); diff != "" {
				t.Errorf("the order changed (-want +got):\n%s", diff)
			}
		})
	}
}
