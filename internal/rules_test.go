package internal_test

import (
	"go/parser"
	"go/token"
	"testing"
)

// A rule that never bites looks like one that holds, so the rules are tested.

func TestMayImport(t *testing.T) {
	tests := []struct {
		from, to string
		want     bool
	}{
		{"internal/wipe", "internal/device", true},
		{"internal/wipe", "internal/enroll", false},
		{"internal/wipe", "internal/wipe/wipedb", false},
		{"internal/wipe", "internal/sqldb", false},
		{"internal/wipe", "proto/mdm/wipe/v1", false},
		{"internal/wipe/wipedb", "internal/wipe", true},
		{"internal/wipe/wipedb", "internal/sqldb", true},
		{"internal/wipe/wipedb", "internal/wipe/wiperpc", false},
		{"internal/wipe/wipedb", "internal/enroll", false},
		{"internal/wipe/wiperpc", "proto/mdm/wipe/v1", true},
		{"internal/wipe/wiperpc", "proto/mdm/enroll/v1", false},
		{"internal/wipe/wiperpc", "internal/wipe/wipedb", false},
		{"internal/wipe/wiperpc", "internal/sqldb", false},
		{"internal/audit/auditrpc", "internal/audit", true},
		{"internal/notify", "internal/audit", true},
		{"internal/notify", "internal/audit/auditdb", false},
		{"internal/notify", "internal/notify/notifydb", false},
		{"internal/notify", "internal/sqldb", false},
		{"internal/notify", "internal/wipe", false},
		{"internal/notify/notifydb", "internal/notify", true},
		{"internal/notify/notifydb", "internal/wipe", false},
		{"internal/wipe", "internal/notify", false},
		{"internal/sqldb", "internal/wipe", false},
		{"internal/sqldb/dbtest", "internal/sqldb", true},
		{"internal/rpc", "internal/enroll", false},
		{"internal/device", "internal/fault", false},
		{"agent/phone", "internal/wipe", false},
		{"agent/phone", "agent/wipe", true},
	}
	for _, tt := range tests {
		if got := mayImport(tt.from, tt.to); got != tt.want {
			t.Errorf("mayImport(%q, %q) = %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestImpure(t *testing.T) {
	tests := map[string]bool{
		"net": true, "net/http": true, "net/netip": false, "net/url": false,
		"os": true, "os/exec": true, "log/slog": true, "database/sql/driver": true,
		"google.golang.org/grpc/codes": true, "google.golang.org/protobuf/proto": true, "gorm.io/gorm": true,
		"crypto/x509": false, "encoding/json": false, "golang.org/x/time/rate": false, "logic": false,
	}
	for p, want := range tests {
		if got := impure(p); got != want {
			t.Errorf("impure(%q) = %v, want %v", p, got, want)
		}
	}
}

func TestReach(t *testing.T) {
	imports := map[string][]string{
		"internal/wipe":  {"ringfence/internal/audit", "context"},
		"internal/audit": {"ringfence/internal/wipe", "net"},
		"internal/fault": {"os"},
	}
	got := reach(imports, "internal/wipe")
	want := "internal/wipe -> internal/audit"
	if len(got) != 2 || got["internal/audit"] != want {
		t.Errorf("reach = %v, want the root and internal/audit by way of %q", got, want)
	}
}

func TestClockUses(t *testing.T) {
	const src = `package p
import clock "time"
var a = clock.Now
func f() { clock.Sleep(clock.Second); _ = clock.Since(a()); _ = clock.UTC }
`
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, "p.go", src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, use := range clockUses(file{path: "p.go", syntax: syntax, positions: positions}) {
		got = append(got, use.Sel.Name)
	}
	if len(got) != 3 {
		t.Errorf("clockUses = %v, want Now, Sleep and Since", got)
	}
}
