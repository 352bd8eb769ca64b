package appprotect

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ringfence/internal/apprules"
)

var levels = []apprules.Level{apprules.Unenrolled, apprules.WorkProfile, apprules.FullyManaged}

func someOf[T any](t *rapid.T, label string, all ...T) []T {
	var some []T
	for _, each := range all {
		if rapid.Bool().Draw(t, label) {
			some = append(some, each)
		}
	}
	return some
}

func someAudience(t *rapid.T, label string) Audience {
	return Audience{
		Everyone: rapid.IntRange(0, 3).Draw(t, label) == 0,
		Users:    someOf(t, label+" users", "ada", "Bob"), Groups: someOf(t, label+" groups", "Staff", "guests"),
	}
}

// TestRulingsAreShared: what is remembered for one is what would be merged for
// every other who is given it.
func TestRulingsAreShared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := make([]Policy, rapid.IntRange(0, 4).Draw(t, "policies"))
		for i := range policies {
			p := &policies[i]
			p.Name, p.Revision = string(rune('a'+i)), 1
			p.Spec.Target = Target{
				Include: someAudience(t, "include"), Exclude: someAudience(t, "exclude"), Levels: someOf(t, "levels", levels...),
			}
			if rapid.Bool().Draw(t, "groups") {
				p.Spec.Target.AppGroups = someOf(t, "app groups", AllAppsGroup, "core")
			} else {
				p.Spec.Target.Apps = []TargetApp{{mailApp, someOf(t, "signers", signer, otherSigner)}}
			}
			p.Spec.Settings = apprules.Say(apprules.PINLength.Is(uint32(5 + i)))
			p.Spec.Fallback = rapid.Bool().Draw(t, "fallback")
		}
		known := KnownApp{Package: mailApp, SignerSHA256: []string{signer}, Groups: []string{"core"}}
		snap := newSnapshot(policies, []KnownApp{known}, 1)
		named := make([]Named, len(policies))
		for i, p := range policies {
			named[i] = Named{p.Name, p.Revision, p.Spec}
		}
		for range rapid.IntRange(1, 20).Draw(t, "questions") {
			who := Subject{
				User: rapid.SampledFrom([]string{"ada", "bob", "ADA", "eve"}).Draw(t, "user"), Groups: someOf(t, "of groups", "staff", "STAFF", "Guests", "others"),
				Package:      rapid.SampledFrom([]string{mailApp, notesApp}).Draw(t, "package"),
				SignerSHA256: rapid.SampledFrom([]string{signer, otherSigner}).Draw(t, "signer"),
				Level:        rapid.SampledFrom(levels).Draw(t, "level"),
			}
			got := snap.rule(who)
			if who.Package == mailApp && who.SignerSHA256 == signer {
				who.AppGroups = known.Groups
			}
			want := Merge(named, who, nil)
			if got.Revision() != want.Revision() || !slices.Equal(got.Policies, want.Policies) {
				t.Fatalf("%+v: got %v, want %v", who, got.Policies, want.Policies)
			}
		}
	})
}

// TestNamesInAnyCase: who is under a policy does not depend on who asked first.
func TestNamesInAnyCase(t *testing.T) {
	spec := specOf(t, nil)
	spec.Target.Include = Audience{Users: []string{"Eve@example.com"}, Groups: []string{"Sales"}}
	snap := newSnapshot([]Policy{{Name: "sales", Revision: 1, Spec: spec}}, nil, 1)
	who := Subject{Package: mailApp, SignerSHA256: signer, Level: apprules.Unenrolled}
	for _, tt := range []struct {
		user, group string
		want        bool
	}{
		{"bob@example.com", "sales", true}, {"bob@example.com", "hr", false}, {"ada@example.com", "SALES", true},
		{"eve@example.com", "", true}, {"EVE@example.com", "hr", true}, {"ada@example.com", "", false},
	} {
		who.User, who.Groups = tt.user, []string{tt.group}
		if got := snap.rule(who).Governed(); got != tt.want {
			t.Errorf("%s of %q: governed %t, want %t", tt.user, tt.group, got, tt.want)
		}
	}
}

// TestRulingsAreMadeOnce: and who no policy can tell apart share one.
func TestRulingsAreMadeOnce(t *testing.T) {
	snap := newSnapshot([]Policy{{Name: "all", Revision: 1, Spec: specOf(t, nil)}}, nil, 1)
	who := Subject{User: "ada", Groups: []string{"staff"}, Package: mailApp, SignerSHA256: signer, Level: apprules.Unenrolled}
	first := snap.rule(who)
	who.User, who.Groups = "bob", nil
	if snap.rule(who) != first {
		t.Error("another person has another ruling, and no policy speaks of either")
	}
	who.Level = apprules.WorkProfile
	if snap.rule(who) == first {
		t.Error("another level has the same")
	}
}

// TestCatalogForgets: what was read before a change is not given after it.
func TestCatalogForgets(t *testing.T) {
	f := newFake(t)
	c := &catalog{policies: f, trusted: true}
	for i := range 3 {
		snap, err := c.latest(t.Context())
		must(t, err)
		again, err := c.latest(t.Context())
		must(t, err)
		if snap != again || snap.generation != uint64(i) {
			t.Errorf("generation %d, then %d, want %d twice", snap.generation, again.generation, i)
		}
		f.generation++
		c.forget()
	}
	if got := f.count(); got["Current"] != 3 || got["Generation"] != 0 {
		t.Errorf("calls %v", got)
	}
}

// changing are policies that change while they are read.
type changing struct {
	*fake
	change func()
}

func (c *changing) Current(ctx context.Context) ([]Policy, []KnownApp, uint64, error) {
	policies, apps, generation, err := c.fake.Current(ctx)
	c.change()
	return policies, apps, generation, err
}

// TestCatalogForgetsWhatIsBeingRead: a change during a reading makes it old.
func TestCatalogForgetsWhatIsBeingRead(t *testing.T) {
	p := &changing{fake: newFake(t)}
	c := &catalog{policies: p, trusted: true}
	p.change = func() { p.generation++; c.forget() }
	if _, err := c.latest(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.change = func() {}
	if snap, err := c.latest(t.Context()); err != nil || snap.generation != 1 {
		t.Errorf("got generation %d, %v", snap.generation, err)
	}
}

// TestCatalogSharesAReading: a bell that wakes many costs one.
func TestCatalogSharesAReading(t *testing.T) {
	f := newFake(t)
	c := &catalog{policies: f}
	f.generation = 7
	var crew sync.WaitGroup
	for range 50 {
		crew.Go(func() {
			if snap, err := c.latest(t.Context()); err != nil || snap.generation != 7 {
				t.Errorf("got %+v, %v", snap, err)
			}
		})
	}
	crew.Wait()
	if got := f.count()["Current"]; got != 1 {
		t.Errorf("%d readings", got)
	}
}

func TestSameSchema(t *testing.T) {
	full := func() *apprules.Schema {
		return &apprules.Schema{Package: mailApp, Items: []apprules.Item{{Key: "a", Kind: apprules.ItemBool, Choices: []string{}}}}
	}
	other := full()
	other.Items[0].Kind = apprules.ItemString
	absent := full()
	absent.Items[0].Choices = nil
	for name, tt := range map[string]struct {
		a, b *apprules.Schema
		want bool
	}{
		"none": {nil, nil, true}, "one": {full(), nil, false}, "the other": {nil, full(), false},
		"equal": {full(), full(), true}, "no list": {full(), absent, true}, "another type": {full(), other, false},
	} {
		if diff := cmp.Diff(tt.want, sameSchema(tt.a, tt.b)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
