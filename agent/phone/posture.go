package phone

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/agent/policy"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

var pinFiles = map[compliancev1.PinScope]string{
	compliancev1.PinScope_PIN_SCOPE_DEVICE:       "pin.device.json",
	compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE: "pin.work_profile.json",
}

// hasWorkProfile reports whether there is a work profile now.
func (p *Phone) hasWorkProfile() (bool, error) {
	profile, err := openPlain(p.root, profileDir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotPlain) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, profile.Close()
}

// supports refuses locks that the phone does not have.
func (p *Phone) supports(scope compliancev1.PinScope) error {
	if _, ok := pinFiles[scope]; !ok {
		return policy.ErrUnsupported
	}
	if scope != compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE {
		return nil
	}
	there, err := p.hasWorkProfile()
	if err == nil && !there {
		err = policy.ErrUnsupported
	}
	return err
}

// SetPinRule stores the rule that the system asks of a lock's next secret; nil
// asks nothing. Whether the present secret satisfies it is another matter: see
// Lock.
func (p *Phone) SetPinRule(scope compliancev1.PinScope, rule *compliancev1.PinRule) error {
	name, ok := pinFiles[scope]
	if !ok {
		return policy.ErrUnsupported
	}
	if rule == nil {
		return p.remove(policyDir, name)
	}
	if err := p.supports(scope); err != nil {
		return err
	}
	if old, err := p.PinRule(scope); err != nil || proto.Equal(old, rule) {
		return err
	}
	data, err := protojson.MarshalOptions{Indent: "  "}.Marshal(rule)
	if err != nil {
		return err
	}
	return p.write(policyDir, name, append(data, '\n'))
}

// PinRule gives the rule that SetPinRule stored; nil without one. Safe beside a
// running agent.
func (p *Phone) PinRule(scope compliancev1.PinScope) (*compliancev1.PinRule, error) {
	data, err := p.read(policyDir, pinFiles[scope])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rule := &compliancev1.PinRule{}
	if err := protojson.Unmarshal(data, rule); err != nil {
		return nil, fmt.Errorf("%s/%s is damaged: %w", policyDir, pinFiles[scope], err)
	}
	return rule, nil
}

// Lock says how a lock is now.
func (p *Phone) Lock(scope compliancev1.PinScope) (*compliancev1.LockState, error) {
	if err := p.supports(scope); err != nil {
		return nil, err
	}
	s, err := p.Settings()
	if err != nil {
		return nil, err
	}
	pin := s.Pin
	if scope == compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE && s.WorkPin != nil {
		pin = *s.WorkPin
	}
	if !pin.Set {
		return &compliancev1.LockState{Scope: scope}, nil
	}
	lock := &compliancev1.LockState{
		Scope: scope, Set: true, Length: pin.Length,
		Quality:    compliancev1.PinQuality(numberOf(pin.Quality, compliancev1.PinQuality(0).Descriptor())),
		Complexity: compliancev1.PinComplexity(numberOf(pin.Complexity, compliancev1.PinComplexity(0).Descriptor())),
	}
	if !pin.ChangedAt.IsZero() {
		lock.ChangedAt = timestamppb.New(pin.ChangedAt)
	}
	return lock, nil
}

func numberOf(name string, e protoreflect.EnumDescriptor) protoreflect.EnumNumber {
	if i := slices.Index(shortNames(e), name); i >= 0 {
		return e.Values().Get(i).Number()
	}
	return 0
}

// Posture says how the phone is.
func (p *Phone) Posture() (*compliancev1.Posture, error) {
	s, err := p.Settings()
	if err != nil {
		return nil, err
	}
	posture := &compliancev1.Posture{OsVersion: s.OSVersion, SecurityPatchLevel: s.SecurityPatch}
	for _, scope := range []compliancev1.PinScope{compliancev1.PinScope_PIN_SCOPE_DEVICE, compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE} {
		lock, err := p.Lock(scope)
		if errors.Is(err, policy.ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, err
		}
		posture.Locks = append(posture.Locks, lock)
	}
	return posture, errors.Join(p.addCertificates(posture), p.addRoots(posture), p.addVPNs(posture),
		p.addWorkApps(posture, s.Unsynced))
}

func (p *Phone) addCertificates(posture *compliancev1.Posture) error {
	records, err := p.Certificates()
	for _, alias := range slices.Sorted(maps.Keys(records)) {
		if leaf := records[alias].Leaf(); leaf != nil {
			posture.ClientCertificates = append(posture.ClientCertificates, &compliancev1.InstalledCertificate{
				Alias: alias, Serial: leaf.SerialNumber.Text(16), NotAfter: timestamppb.New(leaf.NotAfter),
			})
		}
	}
	return err
}

func (p *Phone) addRoots(posture *compliancev1.Posture) error {
	roots, err := p.Roots()
	for _, c := range roots {
		sum := sha256.Sum256(c.Raw)
		posture.TrustedRootSha256 = append(posture.TrustedRootSha256, hex.EncodeToString(sum[:]))
	}
	slices.Sort(posture.TrustedRootSha256)
	posture.TrustedRootSha256 = slices.Compact(posture.TrustedRootSha256)
	return err
}

func (p *Phone) addVPNs(posture *compliancev1.Posture) error {
	vpns, err := p.VPNs()
	for _, name := range slices.Sorted(maps.Keys(vpns)) {
		posture.Vpns = append(posture.Vpns, &compliancev1.VpnState{
			Name: name, AlwaysOn: vpns[name].GetAlwaysOn(), Lockdown: vpns[name].GetLockdown(),
		})
	}
	return err
}

// Busy says why the phone cannot act now; "" when it can.
func (p *Phone) Busy() (string, error) {
	s, err := p.Settings()
	if err != nil || !s.Busy {
		return "", err
	}
	return "the phone is in use", nil
}
