package ctlconfig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAuditMemory(t *testing.T) {
	path := AuditMemoryPath(filepath.Join(t.TempDir(), "deep", "config.yaml"))
	empty, err := LoadAuditMemory(path)
	if err != nil || len(empty.Contexts) != 0 {
		t.Fatalf("a missing file: got %v, %v", empty, err)
	}
	want := AuditMemory{Contexts: map[string]SeenRecord{"lab": {Key: "k", Head: "a\nb\n"}}}
	if err := SaveAuditMemory(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := LoadAuditMemory(path)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, text := range map[string]string{"not JSON": "{", "unknown field": `{"context":{}}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadAuditMemory(path); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
