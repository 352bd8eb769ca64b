package rpc

import (
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
)

// rejection is why the edge itself said no: the label of a metric.
type rejection string

const (
	rejectHandshake rejection = "handshake"
	rejectVisitor   rejection = "visitor"
	rejectMethod    rejection = "unknown_method"
	rejectCaller    rejection = "caller"
	rejectRule      rejection = "rule"
	rejectRate      rejection = "rate"
	rejectStreams   rejection = "streams"
	rejectSize      rejection = "size"
	rejectMalformed rejection = "malformed"
	rejectInvalid   rejection = "invalid"
)

// Metrics are the metrics of every server of a process. Their labels are
// bounded: registered methods, gRPC codes, and the reasons above.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	open     *prometheus.GaugeVec
	rejected *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rpc_requests_total",
			Help: "Calls and streams that have ended, by method and gRPC code.",
		}, []string{"method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "rpc_duration_seconds",
			Help:    "How long calls took, without streams, by method.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rpc_open_streams",
			Help: "Streams that are open now, by method.",
		}, []string{"method"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rpc_rejected_total",
			Help: "Connections and calls turned away before a handler ran, by reason.",
		}, []string{"reason"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.open, m.rejected} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) reject(why rejection) { m.rejected.WithLabelValues(string(why)).Inc() }

// methodMetrics are the metrics of one method, looked up once.
type methodMetrics struct {
	name     string
	requests *prometheus.CounterVec
	ok       prometheus.Counter
	duration prometheus.Observer
	open     prometheus.Gauge
}

func (m *Metrics) of(method string) *methodMetrics {
	return &methodMetrics{
		name:     method,
		requests: m.requests,
		ok:       m.requests.WithLabelValues(method, codes.OK.String()),
		duration: m.duration.WithLabelValues(method),
		open:     m.open.WithLabelValues(method),
	}
}

func (m *methodMetrics) ended(code codes.Code) {
	if code == codes.OK {
		m.ok.Inc()
		return
	}
	m.requests.WithLabelValues(m.name, code.String()).Inc()
}
