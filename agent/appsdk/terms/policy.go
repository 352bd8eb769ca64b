package terms

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"ringfence/internal/apprules"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// ErrPolicy is every policy that does not hold.
var ErrPolicy = errors.New("the policy does not hold")

// maxPolicy is how many octets a policy has at most.
const maxPolicy = 4 << 20

var grants = map[string]apprules.Grant{
	"grant": apprules.GrantAuto, "prompt": apprules.GrantPrompt, "deny": apprules.GrantDeny,
}

// ReadPolicy reads a policy and makes its revision anew, which must be the given
// one. A setting that this app does not know is an error: what is understood in
// part is not understood.
func ReadPolicy(m *appprotectv1.EffectivePolicy, revision string) (*apprules.Effective, error) {
	if m == nil || proto.Size(m) > maxPolicy {
		return nil, fmt.Errorf("%w: there is none, or it is too large", ErrPolicy)
	}
	plain := make(map[apprules.Key][]string, len(m.GetSettings()))
	if err := eachOnce(m.GetSettings(), func(key string, values []string) error {
		plain[apprules.Key(key)] = values
		return nil
	}); err != nil {
		return nil, err
	}
	settings, err := apprules.ParseSettings(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	config, err := readConfig(m.GetConfig())
	if err != nil {
		return nil, err
	}
	e := apprules.Seal(settings, config, m.GetGoverned())
	if e.Revision() != revision || m.GetRevision() != revision {
		return nil, fmt.Errorf("%w: its content is not what its revision names", ErrPolicy)
	}
	return e, nil
}

func readConfig(m *appprotectv1.AppConfiguration) (apprules.Config, error) {
	var c apprules.Config
	err := eachOnce(m.GetValues(), func(key string, values []string) error {
		put(&c.Values, key, slices.Clone(values))
		return nil
	})
	if err != nil {
		return c, err
	}
	err = eachOnce(m.GetCustom(), func(key string, values []string) error {
		if len(values) != 1 {
			return fmt.Errorf("%w: a custom key has %d values", ErrPolicy, len(values))
		}
		put(&c.Custom, key, values[0])
		return nil
	})
	if err != nil {
		return c, err
	}
	err = eachOnce(m.GetPermissions(), func(key string, values []string) error {
		if len(values) != 1 || grants[values[0]] == 0 {
			return fmt.Errorf("%w: a permission has no answer that is one", ErrPolicy)
		}
		put(&c.Permissions, key, grants[values[0]])
		return nil
	})
	if m != nil && m.ConnectedApps != nil {
		connected := m.GetConnectedApps()
		c.ConnectedApps = &connected
	}
	return c, err
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = value
}

// eachOnce goes through settings, each key of which may come once.
func eachOnce(list []*appprotectv1.Setting, take func(key string, values []string) error) error {
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if seen[s.GetKey()] {
			return fmt.Errorf("%w: a key comes twice", ErrPolicy)
		}
		seen[s.GetKey()] = true
		if err := take(s.GetKey(), s.GetValues()); err != nil {
			return err
		}
	}
	return nil
}
