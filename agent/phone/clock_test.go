package phone

import (
	"testing"
	"time"
)

// TestClock: what is set counts from the next time the phone is opened.
func TestClock(t *testing.T) {
	dir, noon := t.TempDir(), time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	open := func() *Phone {
		t.Helper()
		p, err := Open(dir, Options{Create: true, Now: func() time.Time { return noon }, Uptime: func() (string, time.Duration) { return "boot", time.Hour }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	p := open()
	if err := p.Set(map[string]string{"clock.off": "-30m", "time.passed": "13h"}); err != nil {
		t.Fatal(err)
	}
	p = open()
	boot, up, err := p.Uptime()
	if got := p.Now(); !got.Equal(noon.Add(12*time.Hour+30*time.Minute)) || boot != "boot" || up != 14*time.Hour || err != nil {
		t.Errorf("the wall says %s; on for %s in life %q, error %v", got, up, boot, err)
	}
	for _, bad := range []map[string]string{{"time.passed": "-1h"}, {"clock.off": "tomorrow"}, {"time.passed": "99999999h"}} {
		if err := p.Set(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
