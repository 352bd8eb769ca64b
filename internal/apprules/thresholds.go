package apprules

import "time"

// Thresholds is one check of launch: for each action it offers, the setting
// that holds its threshold; nil for an action it does not offer.
type Thresholds[T any] struct{ Warn, Block, Wipe *Setting[T] }

// of gives the threshold for an action.
func (t *Thresholds[T]) of(a Action) *Setting[T] {
	return [...]*Setting[T]{ActionNone: nil, ActionWarn: t.Warn, ActionBlock: t.Block, ActionWipe: t.Wipe}[a]
}

// asked reports whether any threshold is said or has a default.
func (t *Thresholds[T]) asked(s Settings) bool {
	for _, a := range []Action{ActionWarn, ActionBlock, ActionWipe} {
		if each := t.of(a); each != nil {
			if _, asked := each.In(s); asked {
				return true
			}
		}
	}
	return false
}

// origins are how Microsoft Graph calls the thresholds of a check; none for an
// action that the check does not offer.
type origins struct{ warn, block, wipe []string }

// versionOrigins names the three settings that Graph has for each version.
func versionOrigins(bound, what string) origins {
	name := func(action string) []string { return []string{bound + action + what} }
	return origins{name("Warning"), name("Required"), name("Wipe")}
}

// thresholds declares a check's settings. Meaning goes on after "warn if " and
// so on. Holds and within are as in inside; nil for a check that stands alone.
func thresholds[T any](key Key, meaning string, o origins, k kind[T], within string, holds func(Settings) bool) *Thresholds[T] {
	each := func(action Action, origin []string) *Setting[T] {
		if origin == nil {
			return nil
		}
		s := declare(Row{
			Key: key + "." + Key(action.String()), Origin: origin,
			Meaning: action.String() + " if " + meaning,
		}, k)
		if holds != nil {
			s.inside(within, holds)
		}
		return s
	}
	return &Thresholds[T]{each(ActionWarn, o.warn), each(ActionBlock, o.block), each(ActionWipe, o.wipe)}
}

// orElse gives a threshold a default.
func (s *Setting[T]) orElse(value T) *Setting[T] {
	s.byDefault, s.row.Default = &value, s.kind.format(value)[0]
	return s
}

// offlineThresholds declares how long an app may be out of contact.
func offlineThresholds() *Thresholds[time.Duration] {
	t := thresholds("launch.offline", "the app has not reached the server for this long", origins{
		block: []string{"periodOfflineBeforeAccessCheck"}, wipe: []string{"periodOfflineBeforeWipeIsEnforced"},
	}, span(time.Minute, longest, smallest[time.Duration]()), "", nil)
	t.Block.orElse(1440 * time.Minute)
	t.Wipe.orElse(90 * day)
	return t
}

// pinRetryThresholds declares how many wrong PINs are borne.
func pinRetryThresholds() *Thresholds[uint32] {
	t := thresholds("access.pin_retries", "there were this many wrong PINs in a row; block asks to sign in and for a new PIN", origins{
		block: []string{"maximumPinRetries"}, wipe: []string{"appActionIfMaximumPinRetriesExceeded"},
	}, number(1, 65535, "PINs", smallest[uint32]()), "", nil)
	t.Block.orElse(5)
	t.Block.row.Default += ", unless a policy says access.pin_retries.wipe"
	return t
}

// pinRetries gives after how many wrong PINs the app blocks, and wipes; 0 for
// never. The default does not block before the wipe that a policy asks for.
func pinRetries(s Settings) (block, wipe uint32) {
	wipe, wipes := PINRetries.Wipe.In(s)
	block, said := PINRetries.Block.Said(s)
	if !said && !wipes {
		block = PINRetries.Block.Of(s)
	}
	return block, wipe
}

// afterFailures gives what a number of wrong PINs leads to.
func afterFailures(s Settings, failures uint32) (Action, uint32) {
	block, wipe := pinRetries(s)
	switch {
	case !PINRequired.Of(s):
		return ActionNone, 0
	case wipe > 0 && failures >= wipe:
		return ActionWipe, wipe
	case block > 0 && failures >= block:
		return ActionBlock, block
	}
	return ActionNone, 0
}
