package fault

import "errors"

// Attempts is how often Retry has a decision made.
const Attempts = 10

// Retry decides anew as long as the answer is moved: that what was decided on
// has changed meanwhile. Each time somebody got on, so that even a crowd gets
// through. The last answer is given.
func Retry(moved error, decide func() error) error {
	var err error
	for range Attempts {
		if err = decide(); !errors.Is(err, moved) {
			return err
		}
	}
	return err
}
