package wipe

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

func TestListEndsHeavyPagesEarly(t *testing.T) {
	w := newWorld()
	heavy := &Receipt{FinishedAt: monday, Packages: make([]string, MaxReceiptPackages)}
	for i := range heavy.Packages {
		heavy.Packages[i] = fmt.Sprintf("com.example.an.app.with.a.long.name.number%d", i)
	}
	const orders = 250
	for i := range orders {
		id := ID(fmt.Sprintf("order-%04d", i))
		w.store.keep(Order{ID: id, Sequence: uint64(i + 1), CreatedAt: monday, Receipt: heavy}, audit.Entry{})
	}
	seen, q := 0, Query{Limit: 1000}
	for {
		page, next, err := w.List(alice(t), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > 10 {
			t.Fatalf("a page of %d heavy orders", len(page))
		}
		for _, o := range page {
			seen++
			if want := ID(fmt.Sprintf("order-%04d", orders-seen)); o.ID != want {
				t.Fatalf("got %s, want %s", o.ID, want)
			}
		}
		if next == (Cursor{}) {
			break
		}
		if len(page) == 0 {
			t.Fatal("an empty page that is not the last")
		}
		q.After = next
	}
	if seen != orders {
		t.Errorf("saw %d orders, want %d", seen, orders)
	}
	if _, _, err := w.List(alice(t), Query{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a page of no orders: got error %v", err)
	}
}

func TestListEndsExactly(t *testing.T) {
	for _, orders := range []int{0, 1, maxPart - 1, maxPart, maxPart + 1, 2*maxPart + 7} {
		w := newWorld()
		for i := range orders {
			w.store.keep(Order{ID: ID(fmt.Sprintf("order-%04d", i)), Sequence: uint64(i + 1), CreatedAt: monday}, audit.Entry{})
		}
		for _, limit := range []int{1, maxPart - 1, maxPart, maxPart + 1, 1000} {
			var sizes []int
			q := Query{Limit: limit}
			for {
				page, next, err := w.List(alice(t), q)
				if err != nil {
					t.Fatal(err)
				}
				sizes = append(sizes, len(page))
				if next == (Cursor{}) {
					break
				}
				q.After = next
			}
			want := make([]int, 0, len(sizes))
			for left := orders; left > limit; left -= limit {
				want = append(want, limit)
			}
			want = append(want, orders-len(want)*limit)
			if diff := cmp.Diff(want, sizes); diff != "" {
				t.Errorf("%d orders by %d (-want +got):\n%s", orders, limit, diff)
			}
		}
	}
}
