package container

import (
	"encoding/binary"
	"maps"
	"slices"
	"testing"
)

// FuzzOpen changes a container in all ways that fit into a script, and opens it:
// it gives what was written or an error.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{0, 0, 0, 3, 1, 2, 3})
	f.Add([]byte{1, 2, 0, 0})
	f.Add([]byte{2, 0, 255, 200, 1, 1, 0, 1, 9})
	f.Fuzz(func(t *testing.T, script []byte) {
		files := map[string]string{"a": "one", "b": string(some(1, blockSize+3))}
		d, keys := built(t, files)
		saved := d.copyOf()
		names := slices.Sorted(maps.Keys(saved))
		names = append(names, slots[1])
		// Each step: file, two octets of place, how many octets to put there; none
		// cuts the file off there.
		for len(script) >= 4 {
			name := names[int(script[0])%len(names)]
			at, n := int(binary.BigEndian.Uint16(script[1:])), int(script[3])
			script = script[4:]
			data := saved[name]
			at = min(at, len(data))
			n = min(n, len(script))
			if n == 0 {
				saved[name] = slices.Clone(data[:at])
				continue
			}
			saved[name] = overwrite(slices.Clone(data), write{int64(at), script[:n]})
			script = script[n:]
		}
		d.put(saved)
		_ = attempt(t, d, memOptions(keys), files)
	})
}

// FuzzRecord reads what a record might hold, were it authentic. What it accepts
// it writes again as it was.
func FuzzRecord(f *testing.F) {
	put := change{entry: entry{file: newID(), version: 1, content: newID(), size: 7, name: "a"}}
	f.Add(put.append(nil))
	f.Add(change{gone: true, entry: put.entry}.append(put.append(nil)))
	f.Add(append(put.append(nil), make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, plain []byte) {
		changes, err := parseChanges(plain)
		if err != nil {
			return
		}
		x := newIndex()
		var again []byte
		for _, c := range changes {
			length := len(again)
			if again = c.append(again); len(again)-length != c.length() {
				t.Errorf("a change has %d octets and says %d", len(again)-length, c.length())
			}
			_ = x.apply(c)
		}
		if !slices.Equal(again, plain[:len(again)]) {
			t.Error("what was read is written otherwise")
		}
		if len(x.names) != len(x.files) {
			t.Errorf("%d names for %d files", len(x.names), len(x.files))
		}
		for _, e := range x.names {
			if e.check() != nil || x.files[e.file] != e.name {
				t.Errorf("an impossible file: %+v", e)
			}
		}
	})
}
