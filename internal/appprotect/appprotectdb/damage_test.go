package appprotectdb_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// TestFixturesAreWhole: the values that the other tests store and read back have
// every field set, so that a field that is not stored would show.
func TestFixturesAreWhole(t *testing.T) {
	r := registration(1, "ada")
	for what, v := range map[string]any{
		"Policy": policy(t, "a", 1), "KnownApp": app("a", 1), "Registration": finished(r, selfWiped(r)), "Certificate": certificate(r, "a"), "State": state(r, 1),
	} {
		whole(t, what, reflect.ValueOf(v))
	}
}

// whole names what is zero. Of a list it looks at the first, as far as that is
// the full one.
func whole(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	absent := map[string]bool{
		"KnownApp.Schema.Items.Choices": true, "KnownApp.Schema.Items.Items": true, // the other items have them
		"Policy.Spec.Config.ConnectedApps": true, "Policy.Spec.Target.Exclude.Everyone": true, // said to be false
	}
	switch {
	case absent[path]:
	case v.IsZero():
		t.Errorf("%s is zero", path)
	case v.Kind() == reflect.Pointer:
		whole(t, path, v.Elem())
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Type().Elem().Kind() != reflect.Uint8:
		whole(t, path, v.Index(0))
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				whole(t, path+"."+f.Name, v.Field(i))
			}
		}
	}
}

// TestDamage: a row that cannot be read is an Internal fault that names it, for
// whoever asks for it.
func TestDamage(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		damage := func(text string) {
			t.Helper()
			ok(t, db.Write(ctx, func(tx *sqldb.Tx) error { _, err := tx.Exec(text); return err }))
		}
		named := func(name string, err error) {
			t.Helper()
			f, is := err.(*fault.Error)
			if !is || f.Kind != fault.Internal || !strings.Contains(f.Message, name) || f.Unwrap() == nil {
				t.Errorf("%v, want an Internal fault that names %s and why", err, name)
			}
		}
		r := opened(t, s, 1, "ada")
		saved(t, s, state(r, 1))
		ok(t, s.SavePolicy(ctx, policy(t, "mail", 1), entry("")))
		ok(t, s.SaveApp(ctx, app("com.example.mail", 1), entry("")))

		damage(`UPDATE appprotect_states SET report = '{"v":1,"is":{"observed_at":1,"lock":77}}'`)
		_, err := s.State(ctx, r.ID)
		named("report of registration registration-0001", err)
		damage(`UPDATE appprotect_states SET verdict = '{}'`)
		_, err = s.List(ctx, appprotect.Query{Limit: 9})
		named("verdict on registration registration-0001", err)

		damage(`UPDATE appprotect_policies SET revision = 2`)
		damage(`INSERT INTO appprotect_policy_revisions (name, revision, spec, created_at, revised_at, revised_by) VALUES ('mail', 2, '{"v":9}', 1, 1, 'x')`)
		_, _, err = s.Policy(ctx, "mail", 0)
		named(`policy "mail", revision 2`, err)
		_, _, _, err = s.Current(ctx)
		named(`policy "mail", revision 2`, err)
		wantPolicy(t, s, policy(t, "mail", 1), 1, false)

		damage(`UPDATE appprotect_apps SET content = '[]', version = 2`)
		_, _, err = s.App(ctx, "com.example.mail")
		named(`app "com.example.mail"`, err)
		_, err = s.ListApps(ctx, "", 9)
		named(`app "com.example.mail"`, err)

		damage(`UPDATE appprotect_registrations SET person_groups = '{}', version = 2`)
		_, err = s.Registration(ctx, r.ID)
		named("registration registration-0001", err)
	})
}
