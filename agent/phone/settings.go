package phone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	settingsName = "settings.json"
	settingsLock = "settings.lock"
	workLocked   = "work_locked"

	// lookEvery is how often Changed looks at the settings file.
	lookEvery = 500 * time.Millisecond
)

// Settings are how the phone is: what its person and its maker decide.
type Settings struct {
	Model         string `json:"model"`
	OSVersion     string `json:"osVersion"`
	SecurityPatch string `json:"securityPatch"`
	// Pin is the device's lock.
	Pin Pin `json:"pin"`
	// WorkPin is the work profile's own lock; nil while it shares the device's.
	WorkPin *Pin `json:"workPin,omitempty"`
	// Busy makes the phone answer "not now" to orders.
	Busy bool `json:"busy"`
	// Unsynced counts, by app of the work profile, the changes that its server
	// does not have yet; none are left out.
	Unsynced map[string]uint32 `json:"unsynced,omitempty"`
	// AccountUnsynced counts the same of the work accounts in apps on the person's
	// side.
	AccountUnsynced map[string]uint32 `json:"accountUnsynced,omitempty"`
	// Clock is how the phone's clocks stand beside those of the computer that it is
	// played on.
	Clock Clock `json:"clock,omitzero"`
	// Guard is how far the phone can be trusted, as an app sees it.
	Guard Guard `json:"guard"`
}

// Pin is a screen lock.
type Pin struct {
	Set    bool   `json:"set"`
	Length uint32 `json:"length"`
	// Quality and Complexity are written as on the wire without their prefix,
	// lower case with dashes, for example "numeric-complex".
	Quality    string    `json:"quality"`
	Complexity string    `json:"complexity"`
	ChangedAt  time.Time `json:"changedAt,omitzero"`
}

// factory is the phone as it comes out of its box, with a PIN its person chose.
func factory() Settings {
	return Settings{
		Model: "Virtual Phone", OSVersion: "16", SecurityPatch: "2026-10-05",
		Pin:   Pin{Set: true, Length: 6, Quality: "numeric", Complexity: "medium"},
		Guard: soundGuard(),
	}
}

// Settings gives the settings. Safe beside a running agent.
func (p *Phone) Settings() (Settings, error) {
	s := factory()
	err := p.readJSON(agentDir, settingsName, &s)
	return s, err
}

// Set changes settings, all or none. Keys are those of SettingKeys. Safe beside
// a running agent, which notices.
func (p *Phone) Set(changes map[string]string) error {
	unlock, err := p.lockFile(settingsLock, true)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := p.Settings()
	if err != nil {
		return err
	}
	if err := s.apply(changes, p.now().UTC().Truncate(time.Microsecond)); err != nil {
		return err
	}
	if err := p.onlyTheirs(changes); err != nil {
		return err
	}
	if _, opens := changes[workLocked]; opens {
		if err := p.openByPerson(); err != nil {
			return fmt.Errorf("%s=false: %w", workLocked, err)
		}
	}
	return p.writeJSON(agentDir, settingsName, s)
}

// CheckSettings tells what is wrong with changes, without making them.
func CheckSettings(changes map[string]string) error {
	s := factory()
	return s.apply(changes, time.Time{})
}

// setters change one setting from its text. The error completes "KEY=VALUE: ".
var setters = map[string]func(*Settings, string) error{
	"model": func(s *Settings, v string) error {
		return matching(&s.Model, v, `^[\p{L}\p{N} ._,()+/-]{1,64}$`, "letters, digits and . _ , ( ) + / -, at most 64")
	},
	"os.version": func(s *Settings, v string) error {
		return matching(&s.OSVersion, v, `^[0-9]{1,5}(\.[0-9]{1,5}){0,3}$`, "dotted numbers, for example 16 or 14.0.1")
	},
	"security.patch": func(s *Settings, v string) error {
		if _, err := time.Parse(time.DateOnly, v); err != nil && v != "" {
			return errors.New("want a date, for example 2026-10-05")
		}
		s.SecurityPatch = v
		return nil
	},
	"busy":        func(s *Settings, v string) error { return truth(&s.Busy, v) },
	"clock.off":   func(s *Settings, v string) error { return span(&s.Clock.Off, v, -mostOff) },
	"time.passed": func(s *Settings, v string) error { return span(&s.Clock.Passed, v, 0) },
	workLocked: func(_ *Settings, v string) error { // it is no setting: see Set and WorkLock
		if v != "false" {
			return errors.New("want false: the person opens the work side with the work PIN, and does not lock it")
		}
		return nil
	},
}

var pinSetters = map[string]func(*Pin, string) error{
	"set": func(p *Pin, v string) error { return truth(&p.Set, v) },
	"length": func(p *Pin, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n > 256 {
			return errors.New("want a number from 0 to 256")
		}
		p.Length = uint32(n)
		return nil
	},
	"quality": func(p *Pin, v string) error {
		return choice(&p.Quality, v, compliancev1.PinQuality(0).Descriptor())
	},
	"complexity": func(p *Pin, v string) error {
		return choice(&p.Complexity, v, compliancev1.PinComplexity(0).Descriptor())
	},
	"changed": func(p *Pin, v string) error {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return errors.New("want a time, for example 2026-10-05T08:00:00Z")
		}
		p.ChangedAt = t.UTC()
		return nil
	},
}

// SettingKeys lists what Set knows.
func SettingKeys() []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(setters)), maps.Keys(guardSetters))
	for key := range pinSetters {
		keys = append(keys, "pin."+key, "work.pin."+key)
	}
	keys = append(keys, unsyncedPrefix+"PACKAGE", accountUnsyncedPrefix+"PACKAGE")
	slices.Sort(keys)
	return keys
}

// apply makes the changes. A new secret is new now, unless the changes say
// when; it is set, unless they say that it is not.
func (s *Settings) apply(changes map[string]string, now time.Time) error {
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		value := changes[key]
		set := func() error { return fmt.Errorf("no such setting: there are %s", strings.Join(SettingKeys(), ", ")) }
		if f, ok := setters[key]; ok {
			set = func() error { return f(s, value) }
		} else if f, ok := guardSetters[key]; ok {
			set = func() error { return f(&s.Guard, value) }
		} else if name, ok := strings.CutPrefix(key, "work.pin."); ok && pinSetters[name] != nil {
			if s.WorkPin == nil {
				own := s.Pin
				s.WorkPin = &own
			}
			set = func() error { return pinSetters[name](s.WorkPin, value) }
		} else if name, ok := strings.CutPrefix(key, "pin."); ok && pinSetters[name] != nil {
			set = func() error { return pinSetters[name](&s.Pin, value) }
		} else if name, ok := strings.CutPrefix(key, unsyncedPrefix); ok {
			set = func() error { return setUnsynced(&s.Unsynced, name, value) }
		} else if name, ok := strings.CutPrefix(key, accountUnsyncedPrefix); ok {
			set = func() error { return setUnsynced(&s.AccountUnsynced, name, value) }
		}
		if err := set(); err != nil {
			return fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	s.Pin.renewed("pin.", changes, now)
	if s.WorkPin != nil {
		s.WorkPin.renewed("work.pin.", changes, now)
	}
	return nil
}

func (p *Pin) renewed(prefix string, changes map[string]string, now time.Time) {
	fresh := false
	for _, name := range []string{"length", "quality", "complexity"} {
		_, changed := changes[prefix+name]
		fresh = fresh || changed
	}
	if !fresh {
		return
	}
	if _, said := changes[prefix+"changed"]; !said {
		p.ChangedAt = now
	}
	if _, said := changes[prefix+"set"]; !said {
		p.Set = true
	}
}

func matching(target *string, v, pattern, want string) error {
	if !regexp.MustCompile(pattern).MatchString(v) {
		return errors.New("want " + want)
	}
	*target = v
	return nil
}

func truth(target *bool, v string) error {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return errors.New("want true or false")
	}
	*target = b
	return nil
}

// choice accepts the names of an enum's values without their prefix, with - or _.
func choice(target *string, v string, e protoreflect.EnumDescriptor) error {
	names := shortNames(e)
	name := strings.ToLower(strings.ReplaceAll(v, "_", "-"))
	if !slices.Contains(names, name) {
		return errors.New("want one of " + strings.Join(names, ", "))
	}
	*target = name
	return nil
}

// shortNames gives an enum's names by number as people write them; the zero
// value is "none".
func shortNames(e protoreflect.EnumDescriptor) []string {
	names := make([]string, e.Values().Len())
	prefix := strings.TrimSuffix(string(e.Values().ByNumber(0).Name()), "UNSPECIFIED")
	for i := range names {
		name := strings.TrimPrefix(string(e.Values().Get(i).Name()), prefix)
		names[i] = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	}
	names[0] = "none"
	return names
}

// Changed returns nil once settings have changed since it last returned, or
// since the phone was opened.
func (p *Phone) Changed(ctx context.Context) error {
	for {
		now := p.settingsFile()
		if !sameFile(p.seen, now) {
			p.seen = now
			return ctx.Err()
		}
		if err := p.wait(ctx, lookEvery); err != nil {
			return err
		}
	}
}

func (p *Phone) settingsFile() (info fs.FileInfo) {
	_ = p.in(agentDir, func(folder *os.Root) (err error) {
		info, err = folder.Lstat(settingsName)
		return err
	})
	return info
}

// sameFile compares two looks: every Set makes another file.
func sameFile(x, y fs.FileInfo) bool {
	if x == nil || y == nil {
		return x == nil && y == nil
	}
	return os.SameFile(x, y) && x.ModTime().Equal(y.ModTime()) && x.Size() == y.Size()
}
