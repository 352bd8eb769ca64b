package appsdk

import (
	"context"
	"strings"
	"sync"
	"time"
)

// waitRecorder waits for nothing but the end, and tells of each wait; the app is
// not used, so that only those between connections come.
func waitRecorder(waits chan<- time.Duration) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		select {
		case waits <- d:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

// lines are a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, text)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}
