package notify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/audit"
)

var noon = time.Date(2026, time.March, 4, 12, 0, 0, 5000, time.UTC)

// entry is an entry of the record as it might be.
func entry(sequence uint64, action string) audit.Entry {
	return audit.Entry{
		Sequence: sequence, Time: noon, Actor: "admin:alice", Action: action, Target: "request/0a1b",
		Detail: "7 work profiles: lost at the fair", RequestID: "r-1", Peer: "192.0.2.7", Credential: "0fca",
	}
}

func noticeOf(t *testing.T, e audit.Entry) Notice {
	t.Helper()
	n, ok := Of(e)
	if !ok {
		t.Fatalf("%s is not told", e.Action)
	}
	return n
}

func TestOf(t *testing.T) {
	got := map[string]Kind{}
	for _, action := range append(Actions(), "wipe.order", "wipe.requests", "compliance.verdict", "") {
		if n, ok := Of(entry(1, action)); ok {
			got[action] = n.Kind
		}
	}
	want := map[string]Kind{
		"wipe.request": "approval", "wipe.approve": "approved", "wipe.reject": "rejected", "wipe.stop": "stopped",
		"wipe.budget": "budget", "wipe.breaker": "breaker", "wipe.resume": "resumed",
		"wipe.limits": "limits", "wipe.lease": "lease",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is told (-want +got):\n%s", diff)
	}
	var alerts []Kind
	for _, kind := range got {
		if kind.Alert() {
			alerts = append(alerts, kind)
		}
	}
	slices.Sort(alerts)
	if diff := cmp.Diff([]Kind{Breaker, Budget}, alerts); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

// TestNoticeHolds: a notice leaves the installation, so nothing is in it by
// accident. Peer and credential stay in the record.
func TestNoticeHolds(t *testing.T) {
	got := noticeOf(t, entry(17, ActionRequest))
	want := Notice{
		Kind: Approval, Sequence: 17, Time: noon, Action: "wipe.request", Actor: "admin:alice", Target: "request/0a1b",
		Detail: "7 work profiles: lost at the fair", RequestID: "r-1",
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Notice{})); diff != "" {
		t.Errorf("notice (-want +got):\n%s", diff)
	}
	body, err := got.JSON()
	if err != nil {
		t.Fatal(err)
	}
	wantJSON := `{"kind":"approval","sequence":17,"time":"2026-03-04T12:00:00.000005Z","action":"wipe.request",` +
		`"actor":"admin:alice","target":"request/0a1b","detail":"7 work profiles: lost at the fair","request_id":"r-1"}`
	if diff := cmp.Diff(wantJSON, string(body)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	for _, text := range []string{string(body), got.Text(), got.Subject()} {
		if strings.Contains(text, "192.0.2.7") || strings.Contains(text, "0fca") {
			t.Errorf("holds a peer or a credential: %s", text)
		}
	}
}

func TestText(t *testing.T) {
	e := entry(17, ActionBreaker)
	e.Actor, e.RequestID = "server", ""
	e.Detail = "lost\r\nby       admin:bob\u2028time\u0085\x1b[2J\u202egnirts \u00e9 \U0001f600"
	got := noticeOf(t, e)
	want := `ALERT: the wipe breaker opened.
Too much of the fleet was to be wiped: everything pending is paused until two people decide.

action   wipe.breaker
by       server
target   request/0a1b
detail   lost  by       admin:bob time  [2J gnirts é 😀
time     2026-03-04 12:00:00 UTC
entry    17
`
	if diff := cmp.Diff(want, got.Text()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	var back struct{ Detail string }
	body, err := got.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &back); err != nil || back.Detail != e.Detail {
		t.Errorf("JSON gives the detail %q, %v; want it as it was", back.Detail, err)
	}
}

func TestBare(t *testing.T) {
	e := entry(17, ActionRequest)
	n := noticeOf(t, e).Bare()
	body, err := n.JSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"kind":"approval","sequence":17,"time":"2026-03-04T12:00:00.000005Z","action":"wipe.request",` +
		`"actor":"","target":"","detail":"` + leftOut + `","request_id":""}`
	if diff := cmp.Diff(want, string(body)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	for _, words := range []string{e.Actor, e.Target, e.Detail, e.RequestID} {
		if strings.Contains(n.Text(), words) {
			t.Errorf("a bare notice says %q:\n%s", words, n.Text())
		}
	}
}

func TestID(t *testing.T) {
	n := noticeOf(t, entry(17, ActionRequest))
	got := n.ID("ringfence-1a2b3c4d")
	if want := "17-e544fb27214fe160"; got != want {
		t.Errorf("ID = %q, want %q: receivers know it from earlier versions", got, want)
	}
	if bare := n.Bare().ID("ringfence-1a2b3c4d"); bare != got {
		t.Errorf("bare ID = %q, want %q", bare, got)
	}
	later := n
	later.Time = noon.Add(time.Microsecond)
	others := []string{n.ID("another"), later.ID("ringfence-1a2b3c4d"), noticeOf(t, entry(18, ActionRequest)).ID("ringfence-1a2b3c4d")}
	if slices.Contains(others, got) {
		t.Errorf("another notice has the id %s too: %q", got, others)
	}
	for _, id := range append(others, n.ID("a.b>\r\nBcc: x")) {
		if strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef-", r) }) {
			t.Errorf("id %q has more than digits, a to f, and -", id)
		}
	}
}

func TestSubjectIsFixed(t *testing.T) {
	for _, action := range Actions() {
		subject := noticeOf(t, entry(999_999_999, action)).Subject()
		if len(subject) > 78-len("Subject: ") || strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: subject %q is not one line of ASCII that fits", action, subject)
		}
	}
}

func TestBackoff(t *testing.T) {
	tests := []struct {
		failures int
		jitter   float64
		want     time.Duration
	}{
		{1, 0, time.Second},
		{1, 1, time.Second / 2},
		{2, 0, 2 * time.Second},
		{4, 0.5, 6 * time.Second},
		{9, 0, 256 * time.Second},
		{10, 0, 5 * time.Minute},
		{11, 0, 5 * time.Minute},
		{1 << 40, 1, 150 * time.Second},
	}
	for _, tt := range tests {
		if got := backoff(tt.failures, tt.jitter); got != tt.want {
			t.Errorf("backoff(%d, %v) = %v, want %v", tt.failures, tt.jitter, got, tt.want)
		}
	}
}
