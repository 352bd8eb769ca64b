package access

import "sync"

// maxKeptFilters bounds how many rules are kept compiled.
const maxKeptFilters = 4096

// keptFilters compiles each rule once: after a change of one policy all others
// have the rules they had.
type keptFilters struct {
	compile Filters

	mu   sync.Mutex // guards kept
	kept map[ruleText]Filter
}

func newKeptFilters(f Filters) *keptFilters {
	return &keptFilters{compile: f, kept: map[ruleText]Filter{}}
}

// DeviceFilter implements [Filters].
func (k *keptFilters) DeviceFilter(rule string) (Filter, error) {
	return k.get(ruleText{false, rule}, k.compile.DeviceFilter)
}

// Condition implements [Filters].
func (k *keptFilters) Condition(rule string) (Filter, error) {
	return k.get(ruleText{true, rule}, k.compile.Condition)
}

func (k *keptFilters) get(t ruleText, compile func(string) (Filter, error)) (Filter, error) {
	k.mu.Lock()
	f := k.kept[t]
	k.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f, err := compile(t.text)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.kept) >= maxKeptFilters {
		clear(k.kept)
	}
	k.kept[t] = f
	return f, nil
}
