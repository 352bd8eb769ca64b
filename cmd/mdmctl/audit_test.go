package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	"ringfence/internal/ctlconfig"
)

// wants checks an exit code and what is said.
func (b *bench) wants(what string, got result, code int, says string) {
	b.t.Helper()
	if got.code != code || !strings.Contains(got.out+got.errOut, says) {
		b.t.Errorf("%s: exit %d, out %q, err %q; want exit %d and %q", what, got.code, got.out, got.errOut, code, says)
	}
}

func keep(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAuditVerifyServer(t *testing.T) {
	b := serve(t)
	whole := b.log.record(5, "sold")
	b.wants("the first time", b.run("audit", "verify"), 0, "taken on trust")
	again := b.run("audit", "verify")
	b.wants("again", again, 0, "the record ringfence-test is whole: 5 entries")
	if strings.Contains(again.errOut, "trust") {
		t.Error("the key is taken on trust twice")
	}
	whole.record(4, "sold")
	b.wants("grown", b.run("audit", "verify", "--quick"), 0, "9 entries")
	b.wants("with the key", b.run("audit", "verify", "--key", whole.verifier), 0, "9 entries")

	edited := *whole
	edited.leaves = append([][]byte{}, whole.leaves...)
	edited.leaves[3] = ledger.Leaf(mustLeaf(t, whole.leaves[3], "not sold"))
	b.log = &edited
	b.wants("edited", b.run("audit", "verify"), 1, "the record was changed")
	edited.leaves = whole.leaves[:8]
	b.wants("dropped", b.run("audit", "verify"), 1, "the server has no entry 9")

	b.log = whole.restarted().record(3, "sold")
	b.wants("rewound", b.run("audit", "verify"), 1, "the record was rewound: it has 3 entries, and had 9\nhint:")
	b.wants("rewound, quick", b.run("audit", "verify", "--quick"), 1, "the record was rewound")
	b.log.record(9, "another story")
	b.wants("forked", b.run("audit", "verify"), 1, "the record was rewritten")
	b.wants("forked, quick", b.run("audit", "verify", "--quick"), 1, "the record was rewritten")
	b.log = newFakeLog(t).record(12, "sold")
	b.wants("another key", b.run("audit", "verify"), 1, "not a head that was signed with this log's key")
	b.log = whole
	b.wants("as it was", b.run("audit", "verify"), 0, "9 entries")

	memory := ctlconfig.AuditMemoryPath(b.config)
	if err := os.WriteFile(memory, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.wants("a broken memory", b.run("audit", "verify"), 2, memory)
}

func mustLeaf(t *testing.T, leaf []byte, detail string) audit.Entry {
	t.Helper()
	e, err := ledger.ParseLeaf(leaf)
	if err != nil {
		t.Fatal(err)
	}
	e.Detail = detail
	return e
}

func TestAuditVerifyFile(t *testing.T) {
	b := serve(t)
	b.log.record(3, "sold")
	early := keep(t, "head.txt", b.run("audit", "head").out)
	b.log.record(4, "sold")
	late := keep(t, "head.txt", b.run("audit", "head").out)
	path := filepath.Join(t.TempDir(), "record.txt")
	b.check(b.run("audit", "export", "-o", path), 0, "", "7 entries were written to "+path+"\n")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if out := b.run("audit", "export").out; out != text {
		t.Errorf("standard output got %q, the file %q", out, text)
	}
	b.wants("no key", b.run("audit", "verify", "--file", path), 2, "no key is known")
	key := b.log.verifier
	offline := func(text string, more ...string) result {
		other := *b
		other.config = filepath.Join(t.TempDir(), "none.yaml") // no server, no configuration
		return other.run(append([]string{"audit", "verify", "--key", key, "--file", keep(t, "record.txt", text)}, more...)...)
	}
	b.wants("whole", offline(text), 0, "is whole: 7 entries")
	b.wants("continues", offline(text, "--head", early), 0, "is whole: 7 entries")
	lines := strings.SplitAfter(text, "\n")
	without := func(i int) string { return strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "") }
	b.wants("dropped", offline(without(3)), 1, "the record was changed: entry 4 stands in place of entry 3")
	b.wants("the last dropped", offline(without(7)), 1, "there are 6 entries, and 7 were signed")
	lines[1], lines[2] = lines[2], lines[1]
	b.wants("swapped", offline(strings.Join(lines, "")), 1, "entry 2 stands in place of entry 1")
	b.wants("no export", offline("hello\n"), 2, "ringfence audit export v1")
	b.wants("no file", b.run("audit", "verify", "--key", key, "--file", path+"x"), 2, "no such file")
	b.wants("no head", offline(text, "--head", path), 1, "not a head")
	b.wants("not a key", b.run("audit", "verify", "--file", path, "--key", "abc"), 2, "malformed")

	b.log = b.log.restarted().record(5, "sold")
	b.wants("rewound", offline(b.run("audit", "export").out, "--head", late), 1, "the record was rewound")
	b.log = b.log.restarted().record(9, "another story")
	b.wants("forked", offline(b.run("audit", "export").out, "--head", late), 1, "the record was rewritten")
}

func TestAuditProve(t *testing.T) {
	b := serve(t)
	b.log.record(7, "sold")
	proof := b.run("audit", "prove", "4")
	if proof.code != 0 {
		t.Fatal(proof)
	}
	path := keep(t, "proof.txt", proof.out)
	b.check(b.run("audit", "prove", "--check", path, "--key", b.log.verifier), 0, `
entry 4 is in the record ringfence-test, among 7 entries

Sequence:    4
Time:        2026-11-22 12:00:00Z
Actor:       admin:alice
Action:      wipe.order
Target:      device/`+phone+`
Detail:      sold
Request:     abcd
From:        192.0.2.7
Credential:  a1
`, "")
	b.wants("no such entry", b.run("audit", "prove", "8"), 3, "entry 8: the record has 7")
	b.wants("no number", b.run("audit", "prove", "first"), 2, "not the sequence of an entry")
	b.wants("nothing", b.run("audit", "prove"), 2, "name an entry")
	b.wants("both", b.run("audit", "prove", "4", "--check", path), 2, "name an entry")
	other := strings.Replace(proof.out, "\n", "\n"+strings.Split(b.run("audit", "prove", "5").out, "\n")[1]+"\n", 1)
	b.wants("edited", b.run("audit", "prove", "--key", b.log.verifier, "--check", keep(t, "p", other)), 2, "not a hash")
	b.wants("no proof", b.run("audit", "prove", "--key", b.log.verifier, "--check", keep(t, "p", "x\n")), 2, "ringfence audit proof v1")
	b.wants("another key", b.run("audit", "prove", "--key", newFakeLog(t).verifier, "--check", path), 1, "not a head")
	b.log.leaves[3] = b.log.leaves[4]
	b.wants("a lying server", b.run("audit", "prove", "4"), 1, "the proof does not hold")
}

func TestAuditList(t *testing.T) {
	b := serve(t).fill()
	if got, want := b.run("audit", "list"), b.run("get", "audit"); got != want || got.code != 0 {
		t.Errorf("audit list: %+v, get audit: %+v", got, want)
	}
}
