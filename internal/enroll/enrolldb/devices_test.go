package enrolldb_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestNoDevice(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		_, byID := s.Device(t.Context(), "' OR 1=1 --")
		_, byTag := s.DeviceByTag(t.Context(), enroll.HashTag("tag"))
		_, _, bySerial := s.DeviceBySerial(t.Context(), "a1")
		_, byKey := s.Joined(t.Context(), enroll.Digest{1})
		for name, tt := range map[string]struct{ got, want error }{
			"by id":     {byID, enroll.ErrNoDevice},
			"by tag":    {byTag, enroll.ErrNoDevice},
			"by serial": {bySerial, enroll.ErrNoCertificate},
			"by key":    {byKey, enroll.ErrNoCertificate},
		} {
			if !errors.Is(tt.got, tt.want) {
				t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
			}
		}
	})
}

// fleet stores devices of every kind, two joined at the same moment, and gives
// them in the order of the listing.
func fleet(t *testing.T, s *enrolldb.Store) []enroll.Device {
	t.Helper()
	kinds := []enroll.Token{
		{Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales", User: "a@example.com"},
		{Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales", User: "b@example.com"},
		{Ownership: device.Company, Mode: device.WorkProfile, Group: "field", User: "a@example.com"},
		{Ownership: device.Company, Mode: device.FullyManaged, Group: "field"},
		{Ownership: device.Company, Mode: device.Dedicated, Group: "kiosk"},
		{Ownership: device.Company, Mode: device.Dedicated, Group: "kiosk"},
	}
	var all []enroll.Device
	for n, kind := range kinds {
		k := token(n)
		k.Ownership, k.Mode, k.Group, k.User = kind.Ownership, kind.Mode, kind.Group, kind.User
		j := join(n, given(t, s, k), "")
		j.Device.CreatedAt = noon.Add(time.Duration(n/2) * time.Second)
		all = append(all, joined(t, s, j))
	}
	for _, n := range []int{1, 4} {
		c := leaving(t, all[n])
		must(t, s.Save(t.Context(), c))
		all[n] = c.Device
	}
	for _, n := range []int{2, 4} {
		c := deletion(all[n])
		must(t, s.Save(t.Context(), c))
		all[n] = c.Device
	}
	c := purge(t, all[4])
	must(t, s.Save(t.Context(), c))
	all[4] = c.Device
	return all
}

// filters is every filter alone, and some together.
var filters = map[string]enroll.DeviceQuery{
	"none":         {},
	"group":        {Group: "field"},
	"user":         {User: "a@example.com"},
	"enrolled":     {State: enroll.Enrolled},
	"left":         {State: enroll.Left},
	"wiped":        {State: enroll.Wiped},
	"ownership":    {Ownership: device.Personal},
	"mode":         {Mode: device.Dedicated},
	"mode, left":   {Mode: device.Dedicated, State: enroll.Left},
	"group, user":  {Group: "sales", User: "b@example.com"},
	"groups":       {Groups: []string{"field", "kiosk"}},
	"no groups":    {Groups: []string{}, Deleted: true},
	"odd groups":   {Groups: []string{"' OR 1=1 --"}, Deleted: true},
	"deleted too":  {Deleted: true},
	"left, too":    {Deleted: true, State: enroll.Left},
	"groups, too":  {Deleted: true, Groups: []string{"field", "kiosk"}, Mode: device.Dedicated},
	"no match":     {Group: "sales", Mode: device.Dedicated},
	"odd filters":  {Group: "' OR 1=1 --", User: "%"},
	"all together": {Group: "field", User: "a@example.com", State: enroll.Enrolled, Ownership: device.Company, Mode: device.WorkProfile},
}

func matches(q enroll.DeviceQuery, d enroll.Device) bool {
	return (q.Group == "" || q.Group == d.Group) && (q.User == "" || q.User == d.User) &&
		(q.State == "" || q.State == d.State) && (q.Ownership == "" || q.Ownership == d.Ownership) &&
		(q.Mode == "" || q.Mode == d.Mode) && (q.Deleted || d.DeletedAt.IsZero()) &&
		(q.Groups == nil || slices.Contains(q.Groups, d.Group))
}

func TestListDevices(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		all := fleet(t, s)
		for name, q := range filters {
			for _, limit := range []int{1, 2, 100} {
				t.Run(fmt.Sprintf("%s by %d", name, limit), func(t *testing.T) {
					want, got := []enroll.Device{}, []enroll.Device{}
					for _, d := range all {
						if matches(q, d) {
							want = append(want, d)
						}
					}
					q.Limit, q.After = limit, enroll.Cursor{}
					for {
						page, err := s.ListDevices(t.Context(), q)
						must(t, err)
						got = append(got, page...)
						if len(page) < limit {
							break
						}
						last := page[len(page)-1]
						q.After = enroll.Cursor{At: last.CreatedAt, ID: string(last.ID)}
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				})
			}
		}
	})
}

// TestListingsHaveIndexes asks both databases how they would search: by an
// index of the listing, without sorting.
func TestListingsHaveIndexes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		after := "(created_at, id) > (1, 'x') ORDER BY created_at, id LIMIT 10"
		for name, tt := range map[string]struct{ where, index string }{
			"none":      {"", "enroll_devices_order"},
			"enrolled":  {"ended_at IS NULL AND ", "enroll_devices_order"},
			"group":     {"group_name = 'g' AND ", "enroll_devices_group"},
			"user":      {"user_name = 'u' AND user_name <> '' AND ", "enroll_devices_user"},
			"ended":     {"state = 'left' AND ended_at IS NOT NULL AND ", "enroll_devices_ended"},
			"ownership": {"ownership = 'personal' AND ", "enroll_devices_ownership"},
			"mode":      {"mode = 'dedicated' AND ", "enroll_devices_mode"},
		} {
			plan := explain(t, db, "SELECT * FROM enroll_devices WHERE "+tt.where+after)
			if !strings.Contains(plan, tt.index) || strings.Contains(plan, "B-TREE") || strings.Contains(plan, "Sort") {
				t.Errorf("%s:\n%s", name, plan)
			}
		}
		plan := explain(t, db, `SELECT * FROM enroll_tokens WHERE revoked_at IS NULL AND uses < max_uses
			AND expires_at > 1 AND created_at > 1 ORDER BY created_at DESC, id DESC LIMIT 10`)
		if !strings.Contains(plan, "enroll_tokens_order") || strings.Contains(plan, "B-TREE") || strings.Contains(plan, "Sort") {
			t.Errorf("tokens:\n%s", plan)
		}
	})
}

// explain gives the plan of a statement. PostgreSQL is kept from reading the
// whole of a table that is small for now.
func explain(t *testing.T, db *sqldb.DB, statement string) string {
	t.Helper()
	var plan []string
	if db.Dialect() == sqldb.SQLite {
		rows := []struct{ Detail string }{}
		must(t, db.Read(t.Context()).Raw("EXPLAIN QUERY PLAN "+statement).Scan(&rows).Error)
		for _, r := range rows {
			plan = append(plan, r.Detail)
		}
		return strings.Join(plan, "\n")
	}
	must(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for _, method := range []string{"seqscan", "bitmapscan", "sort"} {
			if _, err := tx.Exec("SET LOCAL enable_" + method + " = off"); err != nil {
				return err
			}
		}
		return tx.Gorm().Raw("EXPLAIN " + statement).Scan(&plan).Error
	}))
	return strings.Join(plan, "\n")
}
