package wipe

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestJournalBeforeKinds: a journal that an agent from before there were kinds
// has left on the disk means the same, and what it left half done is finished.
func TestJournalBeforeKinds(t *testing.T) {
	raw, err := os.ReadFile("testdata/journal-before-kinds.json")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	if err := json.Unmarshal(raw, &b.device.journal); err != nil {
		t.Fatal(err)
	}
	j := b.device.journal
	got := []Scope{j.Current.Scope, j.Past[0].Scope, j.Past[1].Scope}
	want := []Scope{{Kind: WorkProfile}, {}, {Kind: AppData, Packages: []string{"com.example.chat", "com.example.mail"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	if err := b.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"keys", "files"}, b.device.removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if r := b.run(t); !r.Ended {
		t.Errorf("the order that was under way ended as %s", lastPhase(b.device.journal))
	}
}

// TestScopeOnDisk: a scope is read as it was written.
func TestScopeOnDisk(t *testing.T) {
	for _, want := range []Scope{
		{}, {Kind: WorkProfile}, {Kind: Relinquish}, {Kind: WholeDevice}, {Kind: Lock},
		{Kind: AppData, Packages: []string{"com.example.mail"}},
	} {
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Scope
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
	}
}

// TestScopes goes through each scope on each kind of phone: what it removes, or
// that it cannot be carried out.
func TestScopes(t *testing.T) {
	all := map[string][]string{
		"work profile": {"keys", "files"}, "relinquish": {"keys", "files", "restrictions"},
		"app data": {"com.example.mail"}, "lock": {"work-lock"},
	}
	scopes := map[string]*wipev1.Scope{
		"work profile": {Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}},
		"relinquish":   {Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}},
		"app data":     apps("com.example.mail"),
		"lock":         {Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}},
	}
	for phone, c := range map[string]struct {
		profile, company bool
		can              []string
	}{
		"personal, work profile": {true, false, []string{"work profile", "app data", "lock"}},
		"company, work profile":  {true, true, []string{"work profile", "relinquish", "app data", "lock"}},
		"fully managed":          {false, true, []string{"app data", "lock"}},
	} {
		for name, scope := range scopes {
			t.Run(phone+"/"+name, func(t *testing.T) {
				b := newBench(t)
				b.device.enrollment.HasWorkProfile = c.profile
				if c.company {
					b.device.enrollment.Company = &fakeCompany{fakeDevice: b.device, personal: c.profile}
				}
				for _, steps := range all {
					for _, step := range steps {
						b.device.there[step] = true
					}
				}
				m := b.content()
				m.Scope = scope
				r := b.run(t, b.sign(t, m))
				var want []string
				wantSaid := []string{"failed: order cannot be carried out"}
				for _, possible := range c.can {
					if possible == name {
						want, wantSaid = all[name], []string{"acknowledged", "done"}
					}
				}
				if diff := cmp.Diff(want, b.device.removed); diff != "" {
					t.Errorf("took (-want +got):\n%s", diff)
				}
				if len(want) == 0 {
					if len(b.server.said) != 1 || b.server.said[0][:len(wantSaid[0])] != wantSaid[0] {
						t.Errorf("said %q", b.server.said)
					}
					return
				}
				if diff := cmp.Diff(wantSaid, b.server.said); diff != "" {
					t.Errorf("said (-want +got):\n%s", diff)
				}
				ends := name == "work profile" || name == "relinquish"
				if r.Ended != ends || (b.server.sent[0].GetStatement() != nil) != ends {
					t.Errorf("ended: %v, with a commitment: %v", r.Ended, b.server.sent[0].GetStatement())
				}
			})
		}
	}
}

// TestLock: it removes nothing, and the device key signs that nothing went.
func TestLock(t *testing.T) {
	b := newBench(t)
	m := b.content()
	m.Scope = &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}
	b.run(t, b.sign(t, m))
	done := b.server.sent[1].GetDone()
	if done.GetFilesRemoved()+done.GetKeysRemoved()+done.GetCertificatesRemoved()+done.GetBytesRemoved() > 0 || len(done.GetPackages()) > 0 {
		t.Errorf("the receipt counts %v", done)
	}
	assertSigned(t, b.server.key.Public(), b.server.sent[1].GetStatement())
	if s := parse(t, b.server.sent[1].GetStatement()); s.GetScope().GetLock() == nil {
		t.Errorf("the statement is about %v", s.GetScope())
	}
}
