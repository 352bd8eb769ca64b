package transmit_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ringfence/internal/audit/auditdb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
	"ringfence/internal/transmit/transmitdb"
	"ringfence/internal/webkeys"
)

// mailbox is a receiver that needs no network.
type mailbox chan string

func (m mailbox) Deliver(_ context.Context, p transmit.Parcel) transmit.Outcome {
	m <- p.ID
	return transmit.Outcome{Verdict: transmit.Taken}
}

func (mailbox) Check(string) error { return nil }

// BenchmarkTell is the way of one event from the record to a receiver: what is
// recorded, told, and handed over, but for the network and the signature.
func BenchmarkTell(b *testing.B) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		b.Run(string(d), func(b *testing.B) {
			db := dbtest.Open(b, dbtest.DSN(b, d))
			to, wake := make(mailbox), make(chan struct{}, 1)
			sealer, err := webkeys.NewSealer(make([]byte, webkeys.SecretLen))
			if err != nil {
				b.Fatal(err)
			}
			metrics, err := transmit.NewMetrics(prometheus.NewRegistry())
			if err != nil {
				b.Fatal(err)
			}
			service := transmit.New(transmit.Config{
				Store: transmitdb.New(db), Sealer: sealer, Endpoints: to, Signer: unsigned{}, Issuer: "https://mdm.example",
				Installation: "acme", Now: time.Now, After: time.After, NewID: rand.Text, Bells: new(transmit.Bells), Metrics: metrics,
			})
			jitter := func() float64 { return 0 }
			f := transmit.NewFanout(transmit.FanoutConfig{
				Service: service, Record: auditdb.New(db), Subjects: people{}, Certificates: people{}, Wake: wake,
				Every: time.Minute, Jitter: jitter, Log: slog.New(slog.DiscardHandler), Metrics: metrics,
			})
			deliver := transmit.NewDeliverer(transmit.DelivererConfig{
				Service: service, Courier: to, Holder: "one", Alone: d == sqldb.SQLite, Every: time.Minute, Jitter: jitter,
				Log: slog.New(slog.DiscardHandler),
			})
			if err := f.Begin(b.Context()); err != nil {
				b.Fatal(err)
			}
			if _, err := service.Create(b.Context(), owner, transmit.Spec{Delivery: transmit.Push, Endpoint: "https://example.com"}); err != nil {
				b.Fatal(err)
			}
			w := &world{db: db}
			stop := w.runIn(b, f, deliver)
			defer stop()
			entries := toggle(phone, 2)
			for i := 0; b.Loop(); i++ {
				err := db.Write(b.Context(), func(tx *sqldb.Tx) error { return tx.Record(entries[i%2]) })
				if err != nil {
					b.Fatal(err)
				}
				wake <- struct{}{}
				<-to
			}
		})
	}
}
