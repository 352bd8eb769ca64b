package apprules

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestRevisionIsAsDocumented: docs/app-protection.md says what is hashed, for
// who writes an app without this package.
func TestRevisionIsAsDocumented(t *testing.T) {
	connected := false
	e := Seal(Say(PrintBlocked.Is(true), StorageLocations.Is(Box|SharePoint)), Config{
		Values:        map[string][]string{"b": {"y", "x"}, "a": {}},
		Custom:        map[string]string{"c": "ü"},
		Permissions:   map[string]Grant{"a.B": GrantDeny},
		ConnectedApps: &connected,
	}, true)
	content := "ringfence app protection 1\x00" + "\x01" +
		"\x02" + "\x12data.print_blocked\x01\x04true" + "\x16data.storage_locations\x02\x0asharepoint\x03box" +
		"\x02" + "\x01a\x00" + "\x01b\x02\x01x\x01y" +
		"\x01" + "\x01c\x02ü" +
		"\x01" + "\x03a.B\x03" +
		"\x00"
	sum := sha256.Sum256([]byte(content))
	if got, want := e.Revision(), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("revision %s, want %s", got, want)
	}
	if again := Restore(e.Settings, e.Config); again.Revision() != e.Revision() || !again.Governed() {
		t.Error("what was restored is another")
	}
	if Seal(e.Settings, e.Config, false).Revision() == e.Revision() {
		t.Error("that there is no policy does not count")
	}
}
