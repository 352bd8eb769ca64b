package apprules

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func hoursOf(t testing.TB, texts ...string) Hours {
	t.Helper()
	h, err := parseHours(texts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestParseSchedule(t *testing.T) {
	tests := []struct{ text, want string }{
		{"Europe/Berlin mon-tue 08:00-18:00", "Europe/Berlin mon 08:00-18:00 tue 08:00-18:00"},
		{"UTC fri-sun 22:00-06:00", "UTC sun 00:00-06:00 sun 22:00-24:00 mon 00:00-06:00 fri 22:00-24:00 sat 00:00-06:00 sat 22:00-24:00"},
		{"UTC mon 08:00-12:00 mon 11:00-13:00 mon 13:00-24:00", "UTC mon 08:00-24:00"},
		{"UTC  sun   00:00-24:00", "UTC sun 00:00-24:00"},
	}
	for _, tt := range tests {
		got, err := ParseSchedule(tt.text)
		if err != nil || got.String() != tt.want {
			t.Errorf("ParseSchedule(%q) = %v, %v, want %s", tt.text, got, err, tt.want)
		}
		if again, err := ParseSchedule(got.String()); err != nil || again.String() != tt.want {
			t.Errorf("%q is read back as %v, %v", got, again, err)
		}
	}
	for _, text := range []string{
		"", "UTC", "UTC mon", "Local mon 08:00-18:00", "Atlantis/R_lyeh mon 08:00-18:00", "../../etc/passwd mon 08:00-18:00",
		"UTC mon 8:00-18:00", "UTC mon 08:00-08:00", "UTC mon 24:00-08:00", "UTC mon 08:60-18:00", "UTC mon +8:00-18:00",
		"UTC Mon 08:00-18:00", "UTC mon-", "UTC mon 08:00-18:00 tue", "UTC mon 08:00",
	} {
		if got, err := ParseSchedule(text); err == nil {
			t.Errorf("ParseSchedule(%q) = %v", text, got)
		}
	}
}

// TestTurns compares the foretold turns with every quarter of an hour of two
// weeks in which clocks change, there and back.
func TestTurns(t *testing.T) {
	schedules := []Hours{
		hoursOf(t, "Europe/Berlin mon-fri 08:00-18:00"),
		hoursOf(t, "Europe/Berlin sat-mon 22:00-02:30"),
		hoursOf(t, "Europe/Berlin sun 02:15-02:45 sun 03:00-03:15"),
		hoursOf(t, "America/New_York mon-sun 01:00-24:00", "Europe/Berlin mon-sun 00:00-23:00"),
		hoursOf(t, "Australia/Lord_Howe sun 01:45-02:15"),
	}
	for _, start := range []time.Time{
		time.Date(2026, 3, 26, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 22, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC),
	} {
		for _, h := range schedules {
			const quarter = 15 * time.Minute
			var working [13*96 + 1]bool
			for i := range working {
				working[i] = h.Working(start.Add(time.Duration(i) * quarter))
			}
			state := func(i int) bool { return working[i] }
			for i := 0; i < 5*96; i += 23 {
				at := start.Add(time.Duration(i) * quarter)
				_, ends := h.around(at)
				next := i + 1
				for next < i+8*96 && state(next) == state(i) {
					next++
				}
				want := start.Add(time.Duration(next) * quarter)
				if next == i+8*96 {
					continue
				}
				if !ends.Equal(want) {
					t.Fatalf("%v at %v (working %v) turns at %v, want %v", h, at, state(i), ends, want)
				}
				if began, _ := h.around(want); !began.Equal(want) {
					t.Fatalf("%v: the state at its turn %v began at %v", h, want, began)
				}
			}
		}
	}
}

func TestHoursThatNeverTurn(t *testing.T) {
	began, ends := hoursOf(t, "UTC mon-sun 00:00-24:00").around(t0)
	if !began.IsZero() || !ends.IsZero() {
		t.Errorf("began %v, ends %v", began, ends)
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "1d12h30m5s": 36*time.Hour + 30*time.Minute + 5*time.Second, "90m": 90 * time.Minute, "0s": 0, "3650d": longest,
	} {
		got, err := parseSpan(text)
		if err != nil || got != want {
			t.Errorf("parseSpan(%q) = %v, %v", text, got, err)
		}
		if again, _ := parseSpan(formatSpan(got)); again != want {
			t.Errorf("%v is written %s", want, formatSpan(got))
		}
	}
	for _, text := range []string{"", "5", "h", "1h1d", "1h1h", "-1h", "1.5h", "9999999999d", "3651d", "1w", "1h "} {
		if got, err := parseSpan(text); err == nil {
			t.Errorf("parseSpan(%q) = %v", text, got)
		}
	}
}

func TestVersions(t *testing.T) {
	top := ceiling()
	for text, want := range map[string]string{"14": "14", "14.0": "14.0", "14.0.0.0": "14.0.0.0", "15.1": "15.1"} {
		v, err := top.parse([]string{text})
		if got := top.format(v); err != nil || !cmp.Equal(got, []string{want}) {
			t.Errorf("a ceiling of %s is written %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"14": "14", "14.0": "14", "1.0.0.7": "1.0.0.7", "007.1": "7.1"} {
		if v, err := ParseVersion(text); err != nil || v.String() != want {
			t.Errorf("ParseVersion(%q) = %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "0", "0.0", "1.", ".1", "1.2.3.4.5", "1.x", "-1", "+1", "4294967295", "1 "} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("ParseVersion(%q) = %v", text, v)
		}
	}
}
