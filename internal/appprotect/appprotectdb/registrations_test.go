package appprotectdb_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

func TestNoRegistration(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx, before := t.Context(), dump(t, db)
		r := registration(1, "ada")
		_, byID := s.Registration(ctx, "' OR 1=1 --")
		_, found := s.Find(ctx, r.Person.Issuer, r.Person.Subject, r.Tag, r.Package)
		_, _, request := s.Opened(ctx, r.RequestDigest)
		_, _, serial := s.BySerial(ctx, "a1")
		_, challenge := s.Challenge(ctx, hash("none"))
		_, save := s.SaveState(ctx, state(r, 1))
		again := next(r)
		for what, tt := range map[string]struct{ got, want error }{
			"by id":             {byID, appprotect.ErrNoRegistration},
			"find":              {found, appprotect.ErrNoRegistration},
			"by request":        {request, appprotect.ErrNoRegistration},
			"by serial":         {serial, appprotect.ErrNoCertificate},
			"challenge":         {challenge, appprotect.ErrChallenge},
			"save a state":      {save, appprotect.ErrNoRegistration},
			"certify":           {s.Certify(ctx, certificate(r, "a1"), entry("no")), appprotect.ErrNoRegistration},
			"finish":            {s.Finish(ctx, finished(r, signedOut()), entry("no")), appprotect.ErrMoved},
			"without challenge": {s.Open(ctx, appprotect.Opening{Registration: r, Certificate: certificate(r, "a1"), Entry: entry("no")}), appprotect.ErrChallenge},
		} {
			wants(t, what, tt.got, tt.want)
		}
		wantState(t, s, appprotect.State{ID: r.ID})
		unchanged(t, "what was refused", db, before)
		o := opening(t, s, again, true)
		before = dump(t, db)
		wants(t, "register again what never was", s.Open(ctx, o), appprotect.ErrMoved)
		unchanged(t, "what was refused", db, before)
	})
}

// TestEpochs is the life of one registration: opened, displaced, signed out,
// opened again, wiped by itself.
func TestEpochs(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		first := opened(t, s, 1, "ada")
		wantRegistration(t, s, first)
		saved(t, s, state(first, 1))

		second := next(first)
		second.Person.Groups = nil
		o := opening(t, s, second, true)
		second.CreatedAt = first.CreatedAt
		o.Registration.CreatedAt = time.Time{} // the store's to know
		ok(t, s.Open(ctx, o))
		wantRegistration(t, s, second)
		wantState(t, s, appprotect.State{ID: first.ID})

		out := finished(second, signedOut())
		ok(t, s.Finish(ctx, out, entry("out")))
		wantRegistration(t, s, out)
		third := next(out)
		ok(t, s.Open(ctx, opening(t, s, third, false)))
		wiped := finished(third, selfWiped(third))
		ok(t, s.Finish(ctx, wiped, entry("wiped")))
		wantRegistration(t, s, wiped)
		found, err := s.Find(ctx, first.Person.Issuer, first.Person.Subject, first.Tag, first.Package)
		ok(t, err)
		same(t, "found", wiped, found)

		// Each epoch is known by what opened it and by its certificate.
		for _, past := range []appprotect.Registration{first, second, third} {
			got, c, err := s.Opened(ctx, past.RequestDigest)
			ok(t, err)
			if got.Epoch != past.Epoch || got.Lasts() || got.AppVersion != past.AppVersion || got.Level != past.Level || got.Version != wiped.Version {
				t.Errorf("epoch %d is known as %+v", past.Epoch, got)
			}
			serial := fmt.Sprintf("%s.%d.%d", past.ID, past.Epoch, past.Version)
			same(t, "certificate", certificate(past, serial), c)
			r, epoch, err := s.BySerial(ctx, serial)
			ok(t, err)
			same(t, "by serial", wiped, r)
			if epoch != past.Epoch {
				t.Errorf("certificate %s is of epoch %d", serial, epoch)
			}
		}
		displaced, _, err := s.Opened(ctx, first.RequestDigest)
		ok(t, err)
		same(t, "displaced", &appprotect.End{At: second.RegisteredAt, Why: appprotect.EndRegistered}, displaced.End)
		id := string(first.ID)
		same(t, "record", []string{
			"open " + id + ".1.1", "displaced by " + id + ".2.2", "open " + id + ".2.2", "out", "open " + id + ".3.4", "wiped",
		}, recorded(t, db))
	})
}

// TestOpenRefused: what is refused leaves no trace, and the challenge is still
// good.
func TestOpenRefused(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		r, other := opened(t, s, 1, "ada"), opened(t, s, 2, "bob")
		over := finished(opened(t, s, 3, "cleo"), signedOut())
		ok(t, s.Finish(t.Context(), over, entry("over")))
		n := 0
		try := func(r appprotect.Registration, displaces bool, change func(o *appprotect.Opening)) appprotect.Opening {
			n++
			r.RequestDigest = hash("try %d", n)
			o := named(t, s, r, displaces, fmt.Sprint("try-", n))
			change(&o)
			return o
		}
		asIs := func(*appprotect.Opening) {}
		for what, tt := range map[string]struct {
			o    appprotect.Opening
			want error
		}{
			"another id": {try(registration(1, "ada"), false, func(o *appprotect.Opening) {
				o.Registration.ID = "registration-9999"
				o.Certificate.ID = "registration-9999"
			}), appprotect.ErrMoved},
			"another person's id": {try(registration(9, "dora"), false, func(o *appprotect.Opening) {
				o.Registration.ID, o.Certificate.ID = r.ID, r.ID
			}), appprotect.ErrMoved},
			"an epoch that was":     {try(r, false, asIs), appprotect.ErrMoved},
			"while the epoch lasts": {try(next(r), false, asIs), appprotect.ErrMoved},
			"an end that was":       {try(next(over), true, asIs), appprotect.ErrMoved},
			"an epoch left out":     {try(next(next(r)), true, asIs), appprotect.ErrMoved},
			"of another tag":        {try(next(r), true, func(o *appprotect.Opening) { o.Registration.Tag = "x" }), appprotect.ErrMoved},
			"of another person":     {try(next(r), true, func(o *appprotect.Opening) { o.Registration.Person = other.Person }), appprotect.ErrMoved},
			"a name that is taken": {try(registration(9, "dora"), false, func(o *appprotect.Opening) {
				o.Registration.Person.Name = "ada"
			}), appprotect.ErrNameTaken},
			"a name of another issuer": {try(registration(9, "ada"), false, func(o *appprotect.Opening) {
				o.Registration.Person.Issuer = "https://evil.example.com"
			}), appprotect.ErrNameTaken},
			"the key of the epoch before": {try(next(r), true, func(o *appprotect.Opening) {
				o.Certificate.Key = certificate(r, "registration-0001.1.1").Key
			}), appprotect.ErrKeyReused},
			"another's key": {try(next(r), true, func(o *appprotect.Opening) {
				o.Certificate.Key = certificate(r, "registration-0002.1.1").Key
			}), appprotect.ErrKeyReused},
			"a serial that was":          {try(next(r), true, func(o *appprotect.Opening) { o.Certificate.Serial = "registration-0002.1.1" }), appprotect.ErrMoved},
			"a request that was":         {try(next(r), true, func(o *appprotect.Opening) { o.Registration.RequestDigest = other.RequestDigest }), appprotect.ErrMoved},
			"an unknown challenge":       {try(next(r), true, func(o *appprotect.Opening) { o.Challenge[0]++ }), appprotect.ErrChallenge},
			"a challenge of another app": {try(registration(9, "dora"), false, func(o *appprotect.Opening) { o.Registration.Package = "com.example.x" }), appprotect.ErrChallenge},
			"a challenge that is too old": {try(next(r), true, func(o *appprotect.Opening) {
				o.Registration.RegisteredAt = o.Registration.RegisteredAt.Add(time.Minute + 1000)
			}), appprotect.ErrChallenge},
		} {
			before := dump(t, db)
			wants(t, what, s.Open(t.Context(), tt.o), tt.want)
			unchanged(t, what, db, before)
		}
	})
}

// TestNames: a person may come with another name, and is that person everywhere
// from then on; no name ever becomes another's.
func TestNames(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, _ *sqldb.DB) {
		first, second := opened(t, s, 1, "ada"), registration(2, "ada")
		second.Person.Name = "ada king"
		ok(t, s.Open(t.Context(), opening(t, s, second, false)))
		first.Person.Name = "ada king"
		wantRegistration(t, s, first)
		wantRegistration(t, s, second)
		thief := registration(3, "thief")
		thief.Person.Name = "ada"
		wants(t, "a name given up", s.Open(t.Context(), opening(t, s, thief, false)), appprotect.ErrNameTaken)
		back := next(first)
		back.Person.Name = "ada"
		ok(t, s.Open(t.Context(), opening(t, s, back, true)))
		second.Person.Name = "ada"
		wantRegistration(t, s, second)
		for _, name := range []string{"ada", "ada king"} {
			got, err := s.Select(t.Context(), name, 10)
			ok(t, err)
			same(t, "of "+name, []device.ID{first.ID, second.ID}, ids(got))
			page, err := s.List(t.Context(), appprotect.Query{User: name, Limit: 10})
			if err != nil || len(page) != 2 {
				t.Errorf("listed of %s: %v, %v", name, page, err)
			}
		}
	})
}

func TestCertify(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		first, other := opened(t, s, 1, "ada"), opened(t, s, 2, "bob")
		renewed := certificate(first, "renewed")
		ok(t, s.Certify(ctx, renewed, entry("new key")))
		renewed.Serial = "renewed again"
		ok(t, s.Certify(ctx, renewed, entry("its key")))
		firstKey := certificate(first, "first key")
		firstKey.Key = certificate(first, "registration-0001.1.1").Key
		ok(t, s.Certify(ctx, firstKey, entry("first key")))
		for _, serial := range []string{"registration-0001.1.1", "renewed", "renewed again", "first key"} {
			if r, epoch, err := s.BySerial(ctx, serial); err != nil || r.ID != first.ID || epoch != 1 {
				t.Errorf("certificate %s is of %s epoch %d, %v", serial, r.ID, epoch, err)
			}
		}
		if _, c, err := s.Opened(ctx, first.RequestDigest); err != nil || c.Serial != "registration-0001.1.1" {
			t.Errorf("opened with %s, %v", c.Serial, err)
		}
		second := next(first)
		ok(t, s.Open(ctx, opening(t, s, second, true)))
		gone := finished(other, signedOut())
		ok(t, s.Finish(ctx, gone, entry("out")))

		with := func(r appprotect.Registration, change func(*appprotect.Certificate)) appprotect.Certificate {
			c := certificate(r, "x")
			change(&c)
			return c
		}
		before := dump(t, db)
		for what, tt := range map[string]struct {
			c    appprotect.Certificate
			want error
		}{
			"the epoch before":     {certificate(first, "x"), appprotect.ErrEnded},
			"an epoch to come":     {certificate(next(second), "x"), appprotect.ErrEnded},
			"signed out":           {certificate(gone, "x"), appprotect.ErrEnded},
			"its key of before":    {with(second, func(c *appprotect.Certificate) { c.Key = renewed.Key }), appprotect.ErrKeyReused},
			"another's key":        {with(second, func(c *appprotect.Certificate) { c.Key = certificate(other, "registration-0002.1.1").Key }), appprotect.ErrKeyReused},
			"a serial that was":    {with(second, func(c *appprotect.Certificate) { c.Serial = "renewed" }), appprotect.ErrMoved},
			"no such registration": {with(second, func(c *appprotect.Certificate) { c.ID = "registration-9999" }), appprotect.ErrNoRegistration},
		} {
			wants(t, what, s.Certify(ctx, tt.c, entry("no")), tt.want)
		}
		unchanged(t, "what was refused", db, before)
	})
}

func TestFinishRefused(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		first, over := opened(t, s, 1, "ada"), finished(opened(t, s, 2, "bob"), selfWiped(registration(2, "bob")))
		ok(t, s.Finish(ctx, over, entry("over")))
		second := next(first)
		ok(t, s.Open(ctx, opening(t, s, second, true)))
		saved(t, s, state(second, 1))
		before := dump(t, db)
		skipped := finished(finished(second, signedOut()), signedOut())
		for what, r := range map[string]appprotect.Registration{
			"the epoch before": finished(first, signedOut()), "a version left out": skipped, "again": over, "twice": finished(over, signedOut()),
		} {
			wants(t, what, s.Finish(ctx, r, entry("no")), appprotect.ErrMoved)
		}
		countless := selfWiped(second)
		countless.SelfWipe.Bytes = math.MaxUint64
		wantKind(t, "countless", s.Finish(ctx, finished(second, countless), entry("no")))
		unproved := selfWiped(second)
		unproved.SelfWipe = nil
		endless := second
		endless.Version++
		for what, r := range map[string]appprotect.Registration{"without proof": finished(second, unproved), "without end": endless} {
			if err := s.Finish(ctx, r, entry("no")); err == nil {
				t.Errorf("finished %s", what)
			}
		}
		unchanged(t, "what was refused", db, before)
	})
}

func TestChallenges(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		c := func(n int, pkg string, life time.Duration) appprotect.Challenge {
			return appprotect.Challenge{Hash: hash("%d", n), Package: pkg, ExpiresAt: t0.Add(life)}
		}
		for n := range 3 {
			ok(t, s.SaveChallenge(ctx, c(n, "com.example.mail", time.Duration(n+1)*time.Minute), t0, 3))
		}
		ok(t, s.SaveChallenge(ctx, c(3, "com.example.files", time.Hour), t0.Add(time.Minute+time.Second), 3))
		_, err := s.Challenge(ctx, hash("0"))
		wants(t, "one that expired", err, appprotect.ErrChallenge)
		for _, want := range []appprotect.Challenge{c(1, "com.example.mail", 2*time.Minute), c(3, "com.example.files", time.Hour)} {
			got, err := s.Challenge(ctx, want.Hash)
			ok(t, err)
			same(t, "challenge", want, got)
		}
		ok(t, s.SaveChallenge(ctx, c(4, "com.example.mail", time.Hour), t0.Add(time.Minute+time.Second), 3))
		_, err = s.Challenge(ctx, hash("1"))
		wants(t, "the oldest of too many", err, appprotect.ErrChallenge)
		ok(t, s.SaveChallenge(ctx, c(5, "com.example.mail", 2*time.Hour), t0.Add(time.Minute+time.Second), 2))
		left := []bool{}
		for n := range 6 {
			_, err := s.Challenge(ctx, hash("%d", n))
			left = append(left, err == nil)
		}
		if kept := len(slices.DeleteFunc(left, func(is bool) bool { return !is })); kept != 2 {
			t.Errorf("%d are kept, want 2", kept)
		}
		if got := recorded(t, db); len(got) != 0 {
			t.Errorf("recorded %v", got)
		}
	})
}

// fleet stores registrations of several people, apps and phones, some over, and
// gives them in the order of the listing.
func fleet(t *testing.T, s *appprotectdb.Store) (all []appprotect.Standing) {
	t.Helper()
	for n, name := range []string{"ada", "bob", "ada", "cleo", "ada", "bob"} {
		r := registration(n, name)
		r.RegisteredAt = t0.Add(time.Duration(n/2) * time.Second) // two at a time
		r.CreatedAt, r.Tag = r.RegisteredAt, fmt.Sprint("tag-", n%3)
		if n%2 == 1 {
			r.Package = "com.example.files"
		}
		ok(t, s.Open(t.Context(), opening(t, s, r, false)))
		standing := appprotect.Standing{Registration: r, State: appprotect.State{ID: r.ID}}
		if n != 1 {
			standing.State = state(r, 1)
			standing.State.Verdict.Standing = apprules.Standing(1 + n%4)
			saved(t, s, standing.State)
		}
		switch n {
		case 2: // registered again: its place stays
			again := next(r)
			ok(t, s.Open(t.Context(), opening(t, s, again, true)))
			standing = appprotect.Standing{Registration: again, State: appprotect.State{ID: r.ID}}
		case 4:
			over := finished(r, selfWiped(r))
			ok(t, s.Finish(t.Context(), over, entry("over")))
			standing = appprotect.Standing{Registration: over, State: appprotect.State{ID: r.ID}}
		}
		all = append(all, standing)
	}
	return all
}

func TestList(t *testing.T) {
	yes, no := true, false
	each(t, func(t *testing.T, s *appprotectdb.Store, _ *sqldb.DB) {
		all := fleet(t, s)
		for what, q := range map[string]appprotect.Query{
			"all": {}, "user": {User: "ada"}, "tag": {Tag: "tag-1"}, "package": {Package: "com.example.files"}, "lasts": {Lasts: &yes},
			"over": {Lasts: &no}, "standing": {Standing: apprules.StandingBlock}, "none": {User: "' OR 1=1 --"},
			"together": {User: "bob", Tag: "tag-2", Package: "com.example.files", Lasts: &yes, Standing: apprules.StandingWarn},
		} {
			for _, limit := range []int{1, 2, 100} {
				want, got := []appprotect.Standing{}, []appprotect.Standing{}
				for _, st := range all {
					if matches(q, st) {
						want = append(want, st)
					}
				}
				for q.Limit = limit; ; {
					page, err := s.List(t.Context(), q)
					ok(t, err)
					got = append(got, page...)
					if len(page) < limit {
						break
					}
					last := page[len(page)-1].Registration
					q.After, q.AfterAt = last.ID, last.CreatedAt
				}
				same(t, fmt.Sprintf("%s by %d", what, limit), want, got)
				q.After, q.AfterAt = "", time.Time{}
			}
		}
	})
}

func matches(q appprotect.Query, st appprotect.Standing) bool {
	r := st.Registration
	return (q.User == "" || q.User == r.Person.Name) && (q.Tag == "" || q.Tag == r.Tag) && (q.Package == "" || q.Package == r.Package) &&
		(q.Lasts == nil || *q.Lasts == r.Lasts()) && (q.Standing == 0 || q.Standing == st.State.Verdict.Standing)
}

func TestSelect(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, _ *sqldb.DB) {
		all := fleet(t, s)
		found := func(list []appprotect.Registration, err error) []device.ID {
			ok(t, err)
			return ids(list)
		}
		same(t, "of ada", []device.ID{all[0].Registration.ID, all[2].Registration.ID}, found(s.Select(t.Context(), "ada", 10)))
		same(t, "of ada, one", []device.ID{all[0].Registration.ID}, found(s.Select(t.Context(), "ada", 1)))
		same(t, "of nobody", []device.ID{}, found(s.Select(t.Context(), "dora", 1)))
		ada := person("ada")
		same(t, "of the account", []device.ID{all[0].Registration.ID, all[2].Registration.ID}, found(s.OfAccount(t.Context(), ada.Issuer, ada.Subject, 10)))
		same(t, "of the account, one", []device.ID{all[0].Registration.ID}, found(s.OfAccount(t.Context(), ada.Issuer, ada.Subject, 1)))
		for since, want := range map[time.Time]int{t0: 4, t0.Add(time.Hour): 1, t0.Add(2 * time.Hour): 0} {
			if n, err := s.OpenedSince(t.Context(), ada.Issuer, ada.Subject, since); err != nil || n != want {
				t.Errorf("%d opened since %v, %v; want %d", n, since, err, want)
			}
		}
		same(t, "of no account", []device.ID{}, found(s.OfAccount(t.Context(), "https://other.example.com", ada.Subject, 1)))
		asked := []device.ID{all[4].Registration.ID, "registration-9999", all[0].Registration.ID, all[0].Registration.ID}
		for n := range 2500 { // more than one query names
			asked = append(asked, device.ID(fmt.Sprintf("nobody-%04d", n)), device.ID(fmt.Sprintf("stranger-%04d", n)))
		}
		same(t, "by ids", []device.ID{all[0].Registration.ID, all[4].Registration.ID}, found(s.ByIDs(t.Context(), slices.Clone(asked))))
		same(t, "by no ids", []device.ID{}, found(s.ByIDs(t.Context(), nil)))
		standings, err := s.Standings(t.Context(), slices.Clone(asked))
		ok(t, err)
		same(t, "standings by ids", []appprotect.Standing{all[0], all[4]}, standings)
		none, err := s.Standings(t.Context(), nil)
		ok(t, err)
		same(t, "standings by no ids", nil, none)
		if n, err := s.Count(t.Context()); err != nil || n != 5 {
			t.Errorf("%d last, %v", n, err)
		}
	})
}
