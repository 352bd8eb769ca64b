package notify

import (
	"context"
	"log/slog"
)

// Log is the channel that every server has: it counts alerts and writes notices
// into the server's log. It writes no name and nothing that somebody wrote:
// those are in the record.
type Log struct {
	log     *slog.Logger
	metrics *Metrics
}

// NewLog makes the channel.
func NewLog(log *slog.Logger, metrics *Metrics) *Log { return &Log{log: log, metrics: metrics} }

// Send never fails.
func (l *Log) Send(ctx context.Context, n Notice) error {
	level := slog.LevelInfo
	if n.Kind.Alert() {
		level = slog.LevelWarn
		l.metrics.alerts.WithLabelValues(string(n.Kind)).Inc()
	}
	l.log.LogAttrs(ctx, level, "notice", slog.String("kind", string(n.Kind)), slog.String("action", n.Action),
		slog.Uint64("sequence", n.Sequence), slog.String("request_id", n.RequestID))
	return nil
}
