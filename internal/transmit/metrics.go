package transmit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the metrics of a process. Their labels are bounded: deliveries,
// verdicts on tries, and event types of this package.
type Metrics struct {
	events *prometheus.CounterVec
	tries  *prometheus.CounterVec
	delay  *prometheus.HistogramVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mdm_transmit_events_total",
			Help: "Events put into the outbox, once for each stream, by type.",
		}, []string{"event"}),
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mdm_transmit_deliveries_total",
			Help: "Tries to hand an event to a receiver, by delivery and outcome.",
		}, []string{"delivery", "outcome"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mdm_transmit_delay_seconds",
			Help:    "From the outbox to a receiver that has taken the event, by delivery.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 300, 3600},
		}, []string{"delivery"}),
	}
	for _, c := range []prometheus.Collector{m.events, m.tries, m.delay} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	for _, t := range Supported() {
		m.events.WithLabelValues(t.Name())
	}
	for _, d := range []Delivery{Push, Poll, Webhook} {
		for _, v := range []Verdict{Taken, Refused, Failed, Down} {
			m.tries.WithLabelValues(string(d), v.String())
		}
	}
	return m, nil
}

func (m *Metrics) event(t EventType) { m.events.WithLabelValues(t.Name()).Inc() }

func (m *Metrics) tried(d Delivery, v Verdict, n int) {
	m.tries.WithLabelValues(string(d), v.String()).Add(float64(n))
}

func (m *Metrics) took(d Delivery, since time.Duration) {
	m.delay.WithLabelValues(string(d)).Observe(since.Seconds())
}
