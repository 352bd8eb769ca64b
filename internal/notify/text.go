package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// notice is the JSON form. A field may be added, never renamed.
type notice struct {
	Kind      Kind   `json:"kind"`
	Sequence  uint64 `json:"sequence"`
	Time      string `json:"time"` // RFC 3339, UTC, microseconds
	Action    string `json:"action"`
	Actor     string `json:"actor"`
	Target    string `json:"target"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
}

// JSON gives the notice as one JSON object: the entry's words as they are.
func (n Notice) JSON() ([]byte, error) {
	return json.Marshal(notice{
		Kind: n.Kind, Sequence: n.Sequence, Time: n.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
		Action: n.Action, Actor: n.Actor, Target: n.Target, Detail: n.Detail, RequestID: n.RequestID,
	})
}

// Subject gives the notice in one line of ASCII, in words of this package only.
func (n Notice) Subject() string {
	return fmt.Sprintf("[Ringfence] %s (entry %d)", n.headline, n.Sequence)
}

// Text gives the notice for people, in lines that end with "\n". Each field of
// the entry is one line, whatever is in it, so that nobody's words can pass for
// the server's.
func (n Notice) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n", n.headline)
	if n.advice != "" {
		fmt.Fprintf(&b, "%s\n", n.advice)
	}
	b.WriteByte('\n')
	for _, f := range []struct{ name, value string }{
		{"action", n.Action},
		{"by", n.Actor},
		{"target", n.Target},
		{"detail", n.Detail},
		{"time", n.Time.UTC().Format(time.DateTime + " UTC")},
		{"request", n.RequestID},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%-8s %s\n", f.name, oneLine(f.value))
		}
	}
	fmt.Fprintf(&b, "%-8s %d\n", "entry", n.Sequence)
	return b.String()
}

// oneLine puts a space for whatever is not to be seen: ends of lines, control
// characters, marks that turn the direction of writing.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
