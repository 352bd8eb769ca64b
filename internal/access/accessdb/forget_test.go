package accessdb_test

import (
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/accessdb"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// TestForget: of one phone all is gone, of others nothing.
func TestForget(t *testing.T) {
	each(t, func(t *testing.T, s *accessdb.Store, _ *sqldb.DB) {
		ctx := t.Context()
		with, without := sample("mail", 1, 0, 0), sample("wiki", 1, 0, 0)
		without.Facts = access.Facts{Device: phone(7)}
		gone, stays := with.Facts.Device, without.Facts.Device
		ok(t, s.SaveSamples(ctx, []access.Sample{with, without}, 0, 10))
		ok(t, s.SaveMoments(ctx, []access.Moment{
			{ID: gone.ID, At: t0, Device: gone}, {ID: gone.ID, At: t0.Add(time.Hour)}, {ID: stays.ID, At: t0, Device: stays},
		}))
		for range 2 {
			ok(t, s.ForgetSamplesOf(ctx, gone.ID))
			ok(t, s.ForgetMomentsOf(ctx, gone.ID))
		}
		same(t, "samples", map[string]access.Sample{"wiki": without}, samples(t, s, time.Time{}))
		moments, err := s.Moments(ctx, []device.ID{gone.ID, stays.ID}, t0.Add(2*time.Hour))
		ok(t, err)
		same(t, "moments", []access.Moment{{ID: stays.ID, At: t0, Device: stays}}, moments)
	})
}
