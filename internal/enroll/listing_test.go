package enroll

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
)

func TestCursor(t *testing.T) {
	for _, want := range []Cursor{{}, {At: noon, ID: "0123456789abcdef"}} {
		got, err := ParseCursor(want.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round trip (-want +got):\n%s", diff)
		}
	}
	for _, s := range []string{"/", "1", "1/", "x/0123456789abcdef", "1/' OR 1=1 --", "99999999999999999999/0123456789abcdef"} {
		if _, err := ParseCursor(s); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("1767355200000000/0123456789abcdef")
	f.Add("-1/00000000")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		if err != nil {
			return
		}
		again, err := ParseCursor(c.String())
		if err != nil || again != c {
			t.Fatalf("%q became %+v, then %+v, %v", s, c, again, err)
		}
	})
}

func TestSplit(t *testing.T) {
	at := func(s string) Cursor { return Cursor{ID: s} }
	for _, tt := range []struct {
		items []string
		page  []string
		next  string
	}{
		{nil, nil, ""},
		{[]string{"a", "b"}, []string{"a", "b"}, ""},
		{[]string{"a", "b", "c"}, []string{"a", "b"}, "b"},
	} {
		page, next := split(tt.items, 2, at)
		if diff := cmp.Diff(tt.page, page); diff != "" || next.ID != tt.next {
			t.Errorf("%v: next %q, page (-want +got):\n%s", tt.items, next.ID, diff)
		}
	}
}
