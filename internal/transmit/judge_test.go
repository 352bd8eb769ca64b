package transmit

import (
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	down, failed := Outcome{Verdict: Down, Reason: "no answer"}, Outcome{Verdict: Failed, Reason: "answered 500"}
	dayAgo := noon.Add(-patience)
	for _, c := range []struct {
		name    string
		item    Item
		outcome Outcome
		fare    Fare
		want    Result
		after   Fare
		hold    time.Duration
	}{
		{"taken", Item{}, Outcome{Verdict: Taken}, Fare{Failures: 3, FailingSince: dayAgo, LastError: "x"},
			Result{Taken: true}, Fare{DeliveredAt: noon}, 0},
		{"refused", Item{}, Outcome{Verdict: Refused, Reason: "invalid_request: no\nno"}, Fare{},
			Result{Dead: true, Reason: "invalid_request: no no"}, Fare{LastError: "invalid_request: no no"}, 0},
		{"down", Item{}, down, Fare{}, Result{Reason: "no answer"}, Fare{Failures: 1, FailingSince: noon, LastError: "no answer"}, time.Second},
		{"down again", Item{}, down, Fare{Failures: 3, FailingSince: dayAgo}, Result{Reason: "no answer"},
			Fare{Failures: 4, FailingSince: dayAgo, LastError: "no answer"}, 8 * time.Second},
		{"asks to be left alone", Item{}, Outcome{Verdict: Down, RetryAfter: time.Hour}, Fare{},
			Result{}, Fare{Failures: 1, FailingSince: noon}, mostWait},
		{"failed", Item{}, failed, Fare{}, Result{Reason: "answered 500", Tries: 1, FailedAt: noon, NextAt: noon.Add(time.Second)},
			Fare{Failures: 1, FailingSince: noon, LastError: "answered 500"}, 0},
		{"failed often", Item{}, failed, Fare{Failures: pauseAfter - 1, FailingSince: noon},
			Result{Reason: "answered 500", Tries: 1, FailedAt: noon, NextAt: noon.Add(time.Second)},
			Fare{Failures: pauseAfter, FailingSince: noon, LastError: "answered 500"}, 16 * time.Second},
		{"failed for a day, others did not", Item{Tries: fewTries - 1, FailedAt: dayAgo}, failed, Fare{},
			Result{Reason: "answered 500", Tries: fewTries, FailedAt: dayAgo, NextAt: noon.Add(mostWait), Dead: true},
			Fare{Failures: 1, FailingSince: noon, LastError: "answered 500"}, 0},
		{"failed for a day, as all did", Item{Tries: fewTries - 1, FailedAt: dayAgo}, failed, Fare{Failures: 20, FailingSince: dayAgo},
			Result{Reason: "answered 500", Tries: fewTries, FailedAt: dayAgo, NextAt: noon.Add(mostWait)},
			Fare{Failures: 21, FailingSince: dayAgo, LastError: "answered 500"}, mostWait},
		{"a word about the stream does not wait for ever", Item{Type: StreamUpdated}, down, Fare{Failures: 20, FailingSince: dayAgo},
			Result{Dead: true, Reason: "no answer"}, Fare{Failures: 21, FailingSince: dayAgo, LastError: "no answer"}, mostWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, f, hold := judge(landing{c.item, c.outcome}, c.fare, moment{now: noon})
			check(t, "result", c.want, r)
			check(t, "fare", c.after, f)
			check(t, "hold", c.hold, hold)
		})
	}
}

func TestCut(t *testing.T) {
	long := strings.Repeat("ä", mostReason)
	check(t, "as long as may be", long, cut(long))
	check(t, "longer", long, cut(long+"x"))
}
