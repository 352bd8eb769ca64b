package notify

import "github.com/prometheus/client_golang/prometheus"

// outcome is how a try to send ended: the label of a metric.
type outcome string

const (
	sent   outcome = "sent"
	bare   outcome = "bare"   // sent without the words of people
	partly outcome = "partly" // not everybody was reached
	failed outcome = "failed" // to be tried again
)

// Metrics are the metrics of a process. Their labels are bounded: the channels
// there are, and the outcomes and kinds of alert in this package.
type Metrics struct {
	sent   *prometheus.CounterVec
	alerts *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mdm_notices_sent_total",
			Help: "Tries to send a notice, by channel and outcome.",
		}, []string{"channel", "outcome"}),
		alerts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mdm_alerts_total",
			Help: "Alerts in the record that this server was the one to see, by kind.",
		}, []string{"kind"}),
	}
	for _, c := range []prometheus.Collector{m.sent, m.alerts} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	for _, t := range told {
		if t.kind.Alert() {
			m.alerts.WithLabelValues(string(t.kind)) // there from the start, so that the first is a rise
		}
	}
	return m, nil
}

// channel makes the counters of a channel, at zero.
func (m *Metrics) channel(name string) {
	for _, o := range []outcome{sent, bare, partly, failed} {
		m.sent.WithLabelValues(name, string(o))
	}
}

func (m *Metrics) ended(channel string, o outcome) {
	m.sent.WithLabelValues(channel, string(o)).Inc()
}
