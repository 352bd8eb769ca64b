package apprules

import "fmt"

// Validate checks what a policy says: each value, and that they fit together.
// Its error is a [SettingError].
func (s Settings) Validate() error {
	byKey, _ := entries()
	for _, key := range s.Keys() {
		if err := byKey[key].check(s.said[key]); err != nil {
			return &SettingError{key, err}
		}
	}
	_, ordered := entries()
	for _, e := range ordered {
		switch row := e.describe(); {
		case e.idle(s):
			return &SettingError{row.Key, fmt.Errorf("has a meaning only with %s", row.Within)}
		case e.missing(s):
			return &SettingError{row.Key, fmt.Errorf("is needed with %s", row.Within)}
		}
	}
	return s.validateTimes()
}

// validateTimes refuses thresholds that could never be reached in their order.
func (s Settings) validateTimes() error {
	if timeout, said := BiometricTimeout.Said(s); said && timeout < RecheckAfter.Of(s) {
		return &SettingError{BiometricTimeout.Key(), fmt.Errorf("must not be less than %s", RecheckAfter.Key())}
	}
	block, blocks := Offline.Block.Said(s)
	wipe, wipes := Offline.Wipe.Said(s)
	if blocks && wipes && wipe <= block {
		return &SettingError{Offline.Wipe.Key(), fmt.Errorf("must be more than %s", Offline.Block.Key())}
	}
	return nil
}
