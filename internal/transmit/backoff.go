package transmit

import "time"

// How long a receiver is left alone after a failure: at first, and at most.
const (
	firstWait = time.Second
	mostWait  = 5 * time.Minute
)

// backoff gives the wait after so many failures in a row, at least one. The
// wait doubles with each; jitter, 0 to 1, takes up to half of it away, so that
// servers which failed together do not come back together.
func backoff(failures int, jitter float64) time.Duration {
	wait := mostWait
	if doublings := failures - 1; doublings < 10 {
		wait = min(firstWait<<doublings, mostWait)
	}
	return wait - time.Duration(jitter*float64(wait)/2)
}
