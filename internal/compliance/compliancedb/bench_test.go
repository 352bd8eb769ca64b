package compliancedb_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/internal/compliance"
	"ringfence/internal/compliance/compliancedb"
	"ringfence/internal/device"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// BenchmarkCheckIn is a check-in without the network: 64 devices at once,
// reports that say nothing new, and reports that each say something new.
func BenchmarkCheckIn(b *testing.B) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		for _, changed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/changed=%v", d, changed), func(b *testing.B) {
				db := dbtest.Open(b, dbtest.DSN(b, d))
				store := compliancedb.New(db)
				var clock atomic.Int64
				service := compliance.New(compliance.Config{
					Policies: store, Reports: store, Certificates: store, Revocations: store, Bell: deaf{},
					Now: func() time.Time { return t0.Add(time.Duration(clock.Load()) * time.Microsecond) }, Cache: db.Exclusive(),
				})
				var devices atomic.Int64
				b.SetParallelism(32)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					id := device.ID(fmt.Sprintf("phone-%04d", devices.Add(1)))
					caller := identity.Caller{Kind: identity.Device, Device: id, Epoch: 1, Mode: device.WorkProfile}
					report := state(id, 1, 0, t0).Report
					report.AppliedRevision, report.Results = "", nil
					for n := uint32(0); pb.Next(); n++ {
						report.ObservedAt = t0.Add(time.Duration(clock.Add(1)) * time.Microsecond)
						if changed {
							report.Posture.Locks = []compliance.LockState{{Scope: 1, Set: true, Length: n % 200}}
						}
						if _, err := service.CheckIn(b.Context(), caller, report); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
