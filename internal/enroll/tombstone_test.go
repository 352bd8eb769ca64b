package enroll

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDeletion walks every state of an epoch with every mark on its record.
func TestDeletion(t *testing.T) {
	later := noon.Add(time.Hour)
	for _, state := range []State{Enrolled, Left, Retired, Wiped} {
		t.Run(string(state), func(t *testing.T) {
			plain := inState(state)
			plain.Tag, plain.Model, plain.OSVersion = Digest{1}, "Pixel 9", "15"
			want := plain
			want.DeletedAt, want.DeletedBy, want.Version = noon, "admin:alice", plain.Version+1
			tombstone := plain.Delete("admin:alice", noon)
			if diff := cmp.Diff(want, tombstone); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tombstone, tombstone.Delete("admin:bob", later)); diff != "" {
				t.Errorf("deleted again (-want +got):\n%s", diff)
			}
			if !tombstone.Tombstone() || tombstone.Purged() || plain.Tombstone() || plain.Purged() {
				t.Error("the marks are not what they say")
			}
			if got, err := plain.Purge(later); err == nil || got != plain {
				t.Errorf("purged without having been deleted: %+v, %v", got, err)
			}

			got, err := tombstone.Purge(later)
			if state == Enrolled {
				if err == nil || got != tombstone {
					t.Errorf("purged while enrolled: %+v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want.Tag, want.User, want.Model, want.OSVersion = Digest{}, "", "", ""
			want.PurgedAt, want.Version = later, want.Version+1
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("purged (-want +got):\n%s", diff)
			}
			if got.Tombstone() || !got.Purged() {
				t.Error("a purged record is a tombstone still")
			}
			if diff := cmp.Diff(got, got.Delete("admin:bob", later)); diff != "" {
				t.Errorf("deleted after all (-want +got):\n%s", diff)
			}
			if again, err := got.Purge(later); err == nil || again != got {
				t.Errorf("purged again: %+v, %v", again, err)
			}
		})
	}
}

// TestTombstoneLives: the mark changes nothing about an epoch, and goes with
// the next one.
func TestTombstoneLives(t *testing.T) {
	d := enrolled().Delete("admin:alice", noon)
	for _, e := range []Event{{Verb: Renew, Serial: first.Serial, Certificate: third}, {Verb: Use, Serial: second.Serial}, {Verb: Leave}} {
		got, err := d.Apply(e, noon)
		if err != nil || !got.Tombstone() {
			t.Errorf("%s: %+v, %v", e.Verb, got, err)
		}
	}
	if s, err := d.Standing(3, first.Serial); err != nil || s != Current {
		t.Errorf("its certificate is worth %v, %v", s, err)
	}
	next := Open(d, Entrance{Certificate: third}, noon)
	if next.Tombstone() || next.Epoch != 4 || next.DeletedBy != "" {
		t.Errorf("joined again: %+v", next)
	}
}
