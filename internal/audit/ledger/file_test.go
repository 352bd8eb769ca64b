package ledger

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"ringfence/internal/audit"
)

func TestVerifyExport(t *testing.T) {
	b := newBook(t)
	three := b.fill(3).head()
	signed := b.sign(t, b.fill(4).head())
	other := newBook(t).fill(7)
	edited := sample(4)
	edited.Detail = "edited"
	with := func(change func(leaves [][]byte) [][]byte) string {
		return b.export(t, change(slices.Clone(b.leaves)), signed)
	}
	forked := Head{Size: 3, Root: tlog.RecordHash(nil)}
	for name, tt := range map[string]struct {
		text       string
		remembered []Head
		want       error
	}{
		"whole":                {b.export(t, b.leaves, signed), nil, nil},
		"continued":            {b.export(t, b.leaves, signed), []Head{{Root: new(Tree).Root()}, three, b.head()}, nil},
		"empty":                {b.export(t, nil, b.sign(t, Head{Root: new(Tree).Root()})), nil, nil},
		"edited":               {with(func(l [][]byte) [][]byte { l[3] = Leaf(edited); return l }), nil, ErrChanged},
		"dropped":              {with(func(l [][]byte) [][]byte { return slices.Delete(l, 2, 3) }), nil, ErrChanged},
		"dropped at the start": {with(func(l [][]byte) [][]byte { return l[1:] }), nil, ErrChanged},
		"dropped at the end":   {with(func(l [][]byte) [][]byte { return l[:6] }), nil, ErrChanged},
		"reordered":            {with(func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l }), nil, ErrChanged},
		"inserted":             {with(func(l [][]byte) [][]byte { return slices.Insert(l, 3, Leaf(sample(4))) }), nil, ErrChanged},
		"added at the end":     {with(func(l [][]byte) [][]byte { return append(l, Leaf(sample(8))) }), nil, ErrChanged},
		"not a leaf":           {with(func(l [][]byte) [][]byte { l[0] = []byte{1}; return l }), nil, ErrChanged},
		"swapped numbers": {with(func(l [][]byte) [][]byte {
			x, y := sample(3), sample(2)
			x.Sequence, y.Sequence = 2, 3
			l[1], l[2] = Leaf(x), Leaf(y)
			return l
		}), nil, ErrChanged},
		"another key":         {b.export(t, b.leaves, other.sign(t, b.head())), nil, ErrHead},
		"rewound":             {b.export(t, b.leaves[:3], b.sign(t, three)), []Head{b.head()}, ErrRewound},
		"forked":              {b.export(t, b.leaves, signed), []Head{forked}, ErrForked},
		"forked at the end":   {b.export(t, b.leaves, signed), []Head{{Size: 7}}, ErrForked},
		"no title":            {"ringfence audit export v2\n\n" + signed, nil, ErrFile},
		"no head":             {exportTitle + "\n", nil, ErrFile},
		"head is gone":        {exportTitle + "\n\n", nil, ErrHead},
		"cut in a line":       {strings.TrimSuffix(b.export(t, b.leaves, signed), "\n"), nil, ErrFile},
		"not base64":          {exportTitle + "\n!\n\n" + signed, nil, ErrFile},
		"carriage returns":    {strings.ReplaceAll(b.export(t, b.leaves, signed), "\n", "\r\n"), nil, ErrFile},
		"too much at the end": {b.export(t, b.leaves, signed+strings.Repeat("a\n", MaxNote)), nil, ErrFile},
		"an endless line":     {exportTitle + "\n" + strings.Repeat("A", 2*MaxLeaf), nil, ErrFile},
		"nothing":             {"", nil, ErrFile},
	} {
		var got []audit.Entry
		head, note, err := VerifyExport(strings.NewReader(tt.text), b.verifier, func(e audit.Entry) { got = append(got, e) }, tt.remembered...)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if name == "whole" && (head != b.head() || note != signed || len(got) != 7 || !cmp.Equal(got[6], sample(7))) {
			t.Errorf("%s: got head %v, note %q, %d entries", name, head, note, len(got))
		}
	}
}

func TestProofFile(t *testing.T) {
	b := newBook(t).fill(7)
	signed := b.sign(t, b.head())
	proof, err := tlog.ProveRecord(7, 4, b)
	if err != nil {
		t.Fatal(err)
	}
	good := string(FormatProof(b.leaves[4], proof, signed))
	got, head, err := ReadProof(strings.NewReader(good), b.verifier)
	if diff := cmp.Diff(sample(5), got); err != nil || diff != "" || head != b.head() {
		t.Errorf("%v, head %v (-want +got):\n%s", err, head, diff)
	}
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"another entry":     {string(FormatProof(b.leaves[3], proof, signed)), ErrProof},
		"a later entry":     {string(FormatProof(Leaf(sample(8)), proof, signed)), ErrProof},
		"a hash less":       {string(FormatProof(b.leaves[4], proof[1:], signed)), ErrProof},
		"no leaf":           {proofTitle + "\n\n" + signed, ErrProof},
		"another key":       {string(FormatProof(b.leaves[4], proof, newBook(t).sign(t, b.head()))), ErrHead},
		"an export":         {b.export(t, b.leaves, signed), ErrFile},
		"half a hash":       {strings.Replace(good, "\n\n", "\nAAAA\n\n", 1), ErrFile},
		"hashes for ever":   {string(FormatProof(b.leaves[4], make([]tlog.Hash, 65), signed)), ErrFile},
		"not even a head":   {strings.TrimSuffix(good, "\n\n"+signed), ErrFile},
		"too much in front": {" " + good, ErrFile},
	} {
		if _, _, err := ReadProof(strings.NewReader(tt.text), b.verifier); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

// FuzzVerifyExport: whatever is in a file, reading it ends, and what verifies
// is the one export of its entries.
func FuzzVerifyExport(f *testing.F) {
	b := newBook(f).fill(3)
	signed := b.sign(f, b.head())
	whole := b.export(f, b.leaves, signed)
	f.Add([]byte(whole))
	f.Add([]byte(b.export(f, nil, b.sign(f, Head{Root: new(Tree).Root()}))))
	f.Add([]byte(exportTitle + "\nAQ==\n\n"))
	f.Add([]byte(strings.ReplaceAll(whole, "\n", "\r\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		var leaves [][]byte
		_, note, err := VerifyExport(bytes.NewReader(data), b.verifier, func(e audit.Entry) { leaves = append(leaves, Leaf(e)) })
		if err == nil && b.export(t, leaves, note) != string(data) {
			t.Errorf("two files verify as one export:\n%q", data)
		}
	})
}

// FuzzReadProof is the same for proofs.
func FuzzReadProof(f *testing.F) {
	b := newBook(f).fill(3)
	proof, err := tlog.ProveRecord(3, 1, b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(FormatProof(b.leaves[1], proof, b.sign(f, b.head())))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, _, err := ReadProof(bytes.NewReader(data), b.verifier); err == nil && !bytes.Contains(b.leaves[e.Sequence-1], []byte(e.Detail)) {
			t.Errorf("an entry is proved that was never written: %v", e)
		}
	})
}
