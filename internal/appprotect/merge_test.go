package appprotect

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ringfence/internal/apprules"
)

// parts are pieces of policies, each valid by itself, in which policies differ
// and of which they may have any that are not about the same.
var parts = [][]string{
	{"", "data.send_to=none", "data.send_to=managed-apps", "data.send_to=managed-apps; data.exempt_apps=a.a; data.exempt_apps=b.b", "data.send_to=managed-apps; data.exempt_apps=b.b=B; data.save_as_blocked=true; data.storage_locations=box"},
	{"", "data.dialer=managed-apps", "data.dialer=custom-app; data.dialer_app=a.a", "data.dialer=custom-app; data.dialer_app=a.a=A"},
	{"", "access.pin_length=4", "access.pin_length=6", "access.pin_required=true; access.pin_unless_device_lock=true"},
	{"", "launch.app_version.warn=5", "launch.app_version.wipe=5.1", "launch.models.block=Pixel 9; launch.models.block=Pixel 8", "launch.models.block=Pixel 8"},
	{"", "config.custom.color=red", "config.custom.color=blue", "config.values.days=7; config.connected_apps=true"},
}

func genPolicies(t *rapid.T, tb testing.TB) []Named {
	policies := make([]Named, rapid.IntRange(0, 4).Draw(t, "policies"))
	for i := range policies {
		said := make(map[string][]string)
		for _, part := range parts {
			maps.Copy(said, sayings(rapid.SampledFrom(part).Draw(t, "part")))
		}
		policies[i] = Named{Name: string(rune('a' + i)), Revision: 1, Spec: specOf(tb, said)}
	}
	return policies
}

func sameEffective(a, b *apprules.Effective) bool {
	return a.Revision() == b.Revision() && cmp.Equal(a.Settings.Plain(), b.Settings.Plain())
}

// TestMergeIgnoresOrderAndRepeats also shows that provenance does.
func TestMergeIgnoresOrderAndRepeats(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		policies := genPolicies(r, t)
		want := merged(policies...)
		for what, list := range map[string][]Named{
			"in another order": rapid.Permutation(policies).Draw(r, "order"),
			"every one twice":  slices.Concat(policies, policies),
		} {
			if diff := cmp.Diff(want, merged(list...), cmp.Comparer(sameEffective)); diff != "" {
				r.Fatalf("%s (-want +got):\n%s", what, diff)
			}
		}
	})
}

// TestFallback: fallback policies hold, all of them, where no other does.
func TestFallback(t *testing.T) {
	fallback := func(name, said string) Named {
		n := configured(name, said, t)
		n.Spec.Fallback = true
		return n
	}
	a, b := fallback("a", "access.pin_length=8"), fallback("b", "data.print_blocked=true")
	other := configured("other", "data.backup_blocked=true", t)
	elsewhere := configured("elsewhere", "", t)
	elsewhere.Spec.Target.Levels = []apprules.Level{apprules.FullyManaged}
	tests := []struct {
		name     string
		policies []Named
		want     []string
	}{
		{"alone", []Named{a, elsewhere, b}, []string{"a", "b"}},
		{"beside another", []Named{a, other, b}, []string{"other"}},
		{"nothing", []Named{elsewhere}, nil},
	}
	for _, tt := range tests {
		m := merged(tt.policies...)
		if diff := cmp.Diff(tt.want, m.Policies); diff != "" || m.Governed() != (tt.want != nil) {
			t.Errorf("%s: governed %v (-want +got):\n%s", tt.name, m.Governed(), diff)
		}
	}
	got := merged(a, other, b).Settings
	if apprules.PINLength.Of(got) != 4 || apprules.PrintBlocked.Of(got) {
		t.Errorf("a fallback speaks beside another policy: %v", got.Plain())
	}
	targeted := a.Spec
	targeted.Fallback = false
	if targeted.Equal(a.Spec) {
		t.Error("being a fallback does not count")
	}
}

func TestMergeConfig(t *testing.T) {
	tests := []struct {
		name, a, b string
		want       apprules.Config
		conflicts  []Conflict
	}{
		{"any and all", "config.values.sync=true; config.values.beta=false", "config.values.sync=false; config.values.beta=true",
			apprules.Config{Values: map[string][]string{"sync": {"false"}, "beta": {"true"}}}, nil},
		{"least and most", "config.values.days=7; config.values.key_bits=256", "config.values.days=30; config.values.key_bits=128",
			apprules.Config{Values: map[string][]string{"days": {"7"}, "key_bits": {"256"}}}, nil},
		{"the strictest choice", "config.values.mode=poll", "config.values.mode=push", apprules.Config{Values: map[string][]string{"mode": {"poll"}}}, nil},
		{"common and union", "config.values.domains=a; config.values.domains=b; config.values.denied=x", "config.values.domains=b; config.values.denied=y",
			apprules.Config{Values: map[string][]string{"domains": {"b"}, "denied": {"x", "y"}}}, nil},
		{"the same", "config.values.server=s; config.custom.c=1", "config.values.server=s; config.custom.c=1",
			apprules.Config{Values: map[string][]string{"server": {"s"}}, Custom: map[string]string{"c": "1"}}, nil},
		{"not the same", "config.values.server=s; config.custom.c=1", "config.values.server=z; config.custom.c=2", apprules.Config{}, []Conflict{
			{"custom.c", []string{"a", "b"}, "policies say different things"},
			{"values.server", []string{"a", "b"}, "policies say different things"},
		}},
		{"not in the schema", "config.values.unheard=1", "config.values.days=0", apprules.Config{}, []Conflict{
			{"values.days", []string{"b"}, "the app's schema does not allow a value"},
			{"values.unheard", []string{"a"}, "the app's schema does not have it"},
		}},
		{"permissions", "config.permissions.a.B=grant; config.permissions.a.C=deny", "config.permissions.a.B=prompt; config.permissions.a.C=prompt",
			apprules.Config{Permissions: map[string]apprules.Grant{"a.B": apprules.GrantPrompt, "a.C": apprules.GrantDeny}}, nil},
		{"connected apps", "config.connected_apps=true", "config.connected_apps=false", apprules.Config{ConnectedApps: new(bool)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, list := range [][]Named{
				{configured("a", tt.a, t), configured("b", tt.b, t)},
				{configured("b", tt.b, t), configured("a", tt.a, t)},
			} {
				e := merged(list...)
				if diff := cmp.Diff(tt.want, e.Config, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("config (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.conflicts, e.Conflicts); diff != "" {
					t.Errorf("conflicts (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestMergeConfigIgnoresOrder also of three, and of steps where nothing is in
// conflict.
func TestMergeConfigIgnoresOrder(t *testing.T) {
	choose := func(values ...string) *rapid.Generator[string] { return rapid.SampledFrom(values) }
	g := rapid.Custom(func(t *rapid.T) apprules.Config {
		c := apprules.Config{Values: map[string][]string{}}
		for _, i := range mailSchema.Items {
			if i.Hidden || rapid.Bool().Draw(t, "skip") {
				continue
			}
			switch i.Kind {
			case apprules.ItemBool:
				c.Values[i.Key] = []string{choose("true", "false").Draw(t, i.Key)}
			case apprules.ItemInteger:
				c.Values[i.Key] = []string{choose("1", "2", "10").Draw(t, i.Key)}
			case apprules.ItemChoice:
				c.Values[i.Key] = []string{choose(i.Choices...).Draw(t, i.Key)}
			case apprules.ItemString:
				c.Values[i.Key] = []string{choose("same", "same", "same", "other").Draw(t, i.Key)}
			case apprules.ItemList:
				c.Values[i.Key] = rapid.SliceOfN(choose("a", "b", "c"), 0, 3).Draw(t, i.Key)
			}
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		var list []Named
		for i, c := range rapid.SliceOfN(g, 2, 4).Draw(t, "configs") {
			list = append(list, Named{Name: string(rune('a' + i)), Spec: Spec{Target: everyone(), Config: c}})
		}
		want := merged(list...)
		got := merged(rapid.Permutation(list).Draw(t, "order")...)
		if diff := cmp.Diff(want, got, cmp.Comparer(sameEffective)); diff != "" {
			t.Fatalf("in another order (-want +got):\n%s", diff)
		}
		if want.Conflicts != nil {
			return
		}
		step := Named{Name: "a", Spec: Spec{Target: everyone(), Config: merged(list[:2]...).Config}}
		if got := merged(append([]Named{step}, list[2:]...)...); got.Revision() != want.Revision() {
			t.Fatalf("in steps %+v, want %+v", got.Config, want.Config)
		}
	})
}
