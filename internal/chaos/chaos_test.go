package chaos_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringfence/internal/chaos"
	"ringfence/internal/sqldb/dbtest"
)

// TestChaos plays a short piece, on one server with SQLite and on two with one
// PostgreSQL. CHAOS_DURATION, CHAOS_PHONES and CHAOS_SEED make it another one:
// see make chaos.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes its time")
	}
	o := chaos.Options{Duration: 5 * time.Second, Phones: 20, Seed: uint64(time.Now().UnixNano()), Now: time.Now}
	out := t.Output()
	if text := os.Getenv("CHAOS_DURATION"); text != "" {
		var err error
		if o.Duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("CHAOS_DURATION: %v", err)
		}
		o.Phones = int(number(t, "CHAOS_PHONES", 200))
		out = os.Stdout
	}
	o.Seed = number(t, "CHAOS_SEED", o.Seed)
	o.Server = filepath.Join(t.TempDir(), "mdm-server")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", o.Server, "ringfence/cmd/mdm-server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		o.Dir, o.Database = t.TempDir(), ""
		if !strings.HasPrefix(dsn, "sqlite:") {
			o.Database = dsn
		}
		if err := chaos.Run(t.Context(), o, out); err != nil {
			t.Errorf("seed %d: %v", o.Seed, err)
		}
	})
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
