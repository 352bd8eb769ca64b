package ledger

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"ringfence/internal/audit"
)

// book is a log in memory, with a key.
type book struct {
	Tree
	signer   note.Signer
	verifier note.Verifier
	leaves   [][]byte
	stored   [][]tlog.Hash
}

func newBook(tb testing.TB) *book {
	tb.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "log.example.com")
	if err != nil {
		tb.Fatal(err)
	}
	b := &book{}
	if b.signer, err = note.NewSigner(secret); err != nil {
		tb.Fatal(err)
	}
	if b.verifier, err = note.NewVerifier(public); err != nil {
		tb.Fatal(err)
	}
	return b
}

func sample(n uint64) audit.Entry {
	return audit.Entry{
		Sequence: n, Time: time.UnixMicro(int64(1e15 + n)).UTC(), Actor: "admin:alice", Action: "wipe.order",
		Target: "device/one", Detail: "phone is sold", RequestID: "r1", Peer: "192.0.2.7", Credential: "a1",
	}
}

func (b *book) fill(n int) *book {
	for range n {
		leaf := Leaf(sample(b.Size() + 1))
		b.leaves = append(b.leaves, leaf)
		b.stored = append(b.stored, b.Append(leaf))
	}
	return b
}

// ReadHashes makes the book a tlog.HashReader, as a database is.
func (b *book) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		n := HashOwner(i)
		out = append(out, b.stored[n-1][i-FirstHash(n)])
	}
	return out, nil
}

func (b *book) head() Head { return Head{Size: b.Size(), Root: b.Root()} }

func (b *book) sign(tb testing.TB, h Head) string {
	tb.Helper()
	signed, err := h.Sign(b.signer)
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

func (b *book) export(tb testing.TB, leaves [][]byte, signed string) string {
	tb.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, leaf := range leaves {
		if err := w.Add(leaf); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(signed); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// TestTreeIsTlog: our right edge gives the hashes and roots of package tlog.
func TestTreeIsTlog(t *testing.T) {
	b := newBook(t)
	var flat []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, flat[i])
		}
		return out, nil
	})
	for n := range int64(300) {
		want, err := tlog.TreeHash(n, reader)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Root(); got != want {
			t.Fatalf("root of %d: got %v, want %v", n, got, want)
		}
		if got, err := tlog.TreeHash(n, b); err != nil || got != want {
			t.Fatalf("root of %d by place: got %v, %v, want %v", n, got, err, want)
		}
		hashes, err := tlog.StoredHashes(n, Leaf(sample(uint64(n+1))), reader)
		if err != nil {
			t.Fatal(err)
		}
		flat = append(flat, hashes...)
		b.fill(1)
		if diff := cmp.Diff(hashes, b.stored[n]); diff != "" {
			t.Fatalf("hashes of leaf %d (-want +got):\n%s", n, diff)
		}
		again, err := ParseTree(b.Size(), b.Peaks())
		if err != nil || again.Root() != b.Root() {
			t.Fatalf("the right edge of %d does not come back: %v", n+1, err)
		}
	}
}

func TestParseTreeRefuses(t *testing.T) {
	for name, err := range map[string]error{
		"too few": func() error { _, err := ParseTree(3, make([]byte, 32)); return err }(),
		"half":    func() error { _, err := ParseTree(1, make([]byte, 31)); return err }(),
		"empty":   func() error { _, err := ParseTree(0, make([]byte, 32)); return err }(),
		"endless": func() error { _, err := ParseTree(1<<63, make([]byte, 32)); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestLeaf(t *testing.T) {
	text := rapid.String()
	rapid.Check(t, func(t *rapid.T) {
		e := Storable(audit.Entry{
			Sequence: rapid.Uint64Range(1, 1<<62).Draw(t, "sequence"),
			Time:     time.UnixMicro(rapid.Int64Range(-1<<53, 1<<53).Draw(t, "time")).UTC(),
			Actor:    text.Draw(t, "actor"), Action: text.Draw(t, "action"), Target: text.Draw(t, "target"),
			Detail: text.Draw(t, "detail"), RequestID: text.Draw(t, "request"),
			Peer: text.Draw(t, "peer"), Credential: text.Draw(t, "credential"),
		})
		got, err := ParseLeaf(Leaf(e))
		if diff := cmp.Diff(e, got); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestLeafBytes(t *testing.T) {
	got := Leaf(audit.Entry{Sequence: 258, Time: time.UnixMicro(3).UTC(), Actor: "a", Detail: "é"})
	want := "\x01" + "\x00\x00\x00\x00\x00\x00\x01\x02" + "\x00\x00\x00\x00\x00\x00\x00\x03" +
		"\x00\x00\x00\x01a" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x02\xc3\xa9" +
		"\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	if string(got) != want {
		t.Errorf("got %q\nwant %q: the encoding is for ever, a new one needs a new version", got, want)
	}
}

func TestParseLeafRefuses(t *testing.T) {
	good := Leaf(sample(1))
	for name, b := range map[string][]byte{
		"nothing":        nil,
		"other version":  append([]byte{2}, good[1:]...),
		"cut":            good[:len(good)-1],
		"more":           append(slices.Clone(good), 0),
		"sequence zero":  Leaf(sample(0)),
		"not UTF-8":      Leaf(audit.Entry{Sequence: 1, Actor: "\xff"}),
		"a length ahead": append(slices.Clone(good[:17]), 0xff, 0xff, 0xff, 0xff),
		"too long":       Leaf(audit.Entry{Sequence: 1, Detail: strings.Repeat("a", MaxLeaf)}),
	} {
		if _, err := ParseLeaf(b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestStorable(t *testing.T) {
	got := Storable(audit.Entry{Actor: "a\x00b\xff", Detail: strings.Repeat("é", MaxText), Time: time.Unix(1, 1999)})
	if got.Actor != "a\uFFFDb\uFFFD" || len(got.Detail) > MaxText || !strings.HasSuffix(got.Detail, "é…") || got.Time.Nanosecond() != 1000 {
		t.Errorf("got actor %q, %d bytes of detail, time %v", got.Actor, len(got.Detail), got.Time)
	}
}

func TestHead(t *testing.T) {
	b := newBook(t).fill(5)
	signed := b.sign(t, b.head())
	if got, err := OpenHead(signed, b.verifier); err != nil || got != b.head() {
		t.Errorf("got %v, %v", got, err)
	}
	foreign := func(text string) string {
		s, err := note.Sign(&note.Note{Text: text}, b.signer)
		if err != nil {
			t.Fatal(err)
		}
		return string(s)
	}
	root := b.Root().String()
	for name, bad := range map[string]string{
		"nothing":       "",
		"not signed":    "log.example.com\n5\n" + root + "\n",
		"other size":    strings.Replace(signed, "\n5\n", "\n6\n", 1),
		"other key":     newBook(t).fill(5).sign(t, b.head()),
		"other name":    foreign("other.example.com\n5\n" + root + "\n"),
		"leading zero":  foreign("log.example.com\n05\n" + root + "\n"),
		"negative":      foreign("log.example.com\n-5\n" + root + "\n"),
		"endless":       foreign("log.example.com\n99999999999999999\n" + root + "\n"),
		"no root":       foreign("log.example.com\n5\nabc\n"),
		"something new": foreign("log.example.com\n5\n" + root + "\nmore\n"),
		"long":          signed + strings.Repeat("a", MaxNote),
	} {
		if _, err := OpenHead(bad, b.verifier); !errors.Is(err, ErrHead) {
			t.Errorf("%s: got %v, want ErrHead", name, err)
		}
	}
}

// TestProofs: every entry of any log is proved, every earlier head is continued,
// and neither holds for anything else.
func TestProofs(t *testing.T) {
	b := newBook(t).fill(200)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 200).Draw(t, "size")
		root, err := tlog.TreeHash(size, b)
		if err != nil {
			t.Fatal(err)
		}
		head := Head{Size: uint64(size), Root: root}
		n := rapid.Int64Range(0, size-1).Draw(t, "leaf")
		proof, err := tlog.ProveRecord(size, n, b)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := CheckIncluded(head, b.leaves[n], proof); err != nil || e.Sequence != uint64(n+1) {
			t.Fatalf("entry %d of %d: %v", n+1, size, err)
		}
		other := sample(uint64(n + 1))
		other.Detail = "edited"
		if _, err := CheckIncluded(head, Leaf(other), proof); !errors.Is(err, ErrProof) {
			t.Fatalf("an edited entry %d of %d is proved: %v", n+1, size, err)
		}
		old := rapid.Int64Range(1, size).Draw(t, "old")
		before, err := tlog.TreeHash(old, b)
		if err != nil {
			t.Fatal(err)
		}
		continued, err := tlog.ProveTree(size, old, b)
		if err != nil {
			t.Fatal(err)
		}
		remembered := Head{Size: uint64(old), Root: before}
		if err := CheckContinues(remembered, head, continued); err != nil {
			t.Fatalf("%d is not continued by %d: %v", old, size, err)
		}
		remembered.Root[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		if err := CheckContinues(remembered, head, continued); !errors.Is(err, ErrForked) {
			t.Fatalf("another %d is continued by %d: %v", old, size, err)
		}
	})
}

func TestCheckContinuesEnds(t *testing.T) {
	b := newBook(t)
	empty := b.head()
	five := b.fill(5).head()
	for name, tt := range map[string]struct {
		remembered, head Head
		want             error
	}{
		"from nothing":   {empty, five, nil},
		"nothing yet":    {empty, empty, nil},
		"the same":       {five, five, nil},
		"rewound":        {five, empty, ErrRewound},
		"two roots":      {five, Head{Size: 5}, ErrForked},
		"odd nothing":    {Head{}, five, ErrForked},
		"without proofs": {Head{Size: 3}, five, ErrForked},
	} {
		if err := CheckContinues(tt.remembered, tt.head, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}
