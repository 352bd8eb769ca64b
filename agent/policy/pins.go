package policy

import (
	"errors"
	"fmt"
	"time"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

var pinSettings = []struct {
	scope compliancev1.PinScope
	name  string
}{
	{compliancev1.PinScope_PIN_SCOPE_DEVICE, "pin.device"},
	{compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE, "pin.work_profile"},
}

// pins sets the rule of each lock, or takes it off.
func (r *round) pins(m *compliancev1.Manifest) error {
	asked := make(map[compliancev1.PinScope]*compliancev1.PinRule)
	for _, p := range m.GetPins() {
		asked[p.GetScope()] = p
	}
	for _, s := range pinSettings {
		rule := asked[s.scope]
		err := r.device().SetPinRule(s.scope, rule)
		if rule == nil {
			if err != nil && !errors.Is(err, ErrUnsupported) {
				return err
			}
			continue
		}
		if err != nil {
			r.noteError(s.name, err)
			continue
		}
		r.judgePin(s.name, rule)
	}
	return nil
}

// judgePin says whether the present secret satisfies the rule. The system asks
// the person for another where it does not; until then the setting is pending.
func (r *round) judgePin(setting string, rule *compliancev1.PinRule) {
	lock, err := r.device().Lock(rule.GetScope())
	if err != nil {
		r.noteError(setting, err)
		return
	}
	if why := Unmet(rule, lock, r.now); why != "" {
		r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_PENDING, "%s", why)
		return
	}
	r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_APPLIED, "")
}

// Unmet says in words what the person must change for the lock to satisfy the
// rule; "" when nothing.
func Unmet(rule *compliancev1.PinRule, lock *compliancev1.LockState, now time.Time) string {
	days := rule.GetExpiresAfterDays()
	switch {
	case !lock.GetSet():
		return "the person has not set a lock"
	case lock.GetQuality() < rule.GetQuality():
		return "the person has to choose another kind of secret"
	case lock.GetComplexity() < rule.GetComplexity():
		return "the person has to choose a less simple secret"
	case lock.GetLength() != 0 && lock.GetLength() < rule.GetMinimumLength():
		return fmt.Sprintf("the person has to choose a secret of %d characters or more, it has %d", rule.GetMinimumLength(), lock.GetLength())
	case days != 0 && lock.GetChangedAt() != nil && now.After(lock.GetChangedAt().AsTime().AddDate(0, 0, int(days))):
		return fmt.Sprintf("the person has to change the secret: it is older than %d days", days)
	}
	return ""
}
