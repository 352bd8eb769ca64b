package policy

import (
	"google.golang.org/protobuf/proto"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// vpns sets the VPN connections and removes those no longer asked for.
// Removals come first: one connection that goes may make room for another that
// is always on.
func (r *round) vpns(m *compliancev1.Manifest) error {
	present, err := r.device().VPNs()
	if err != nil {
		return err
	}
	wanted := make(map[string]*compliancev1.VpnRule)
	for _, v := range m.GetVpns() {
		if !ValidName(v.GetName()) || wanted[v.GetName()] != nil {
			r.skip("vpn", v.GetName())
			continue
		}
		wanted[v.GetName()] = v
	}
	for name := range present {
		if wanted[name] == nil {
			if err := r.device().RemoveVPN(name); err != nil {
				return err
			}
		}
	}
	alwaysOn := ""
	for _, v := range m.GetVpns() {
		if wanted[v.GetName()] != v {
			continue
		}
		if v.GetAlwaysOn() && alwaysOn != "" {
			if err := r.device().RemoveVPN(v.GetName()); err != nil {
				return err
			}
			r.note("vpn."+v.GetName(), compliancev1.ApplyStatus_APPLY_STATUS_FAILED, "%s is always on already", alwaysOn)
			continue
		}
		if v.GetAlwaysOn() {
			alwaysOn = v.GetName()
		}
		if err := r.setVPN(m, v, present[v.GetName()]); err != nil {
			return err
		}
	}
	return nil
}

// setVPN sets one connection, without lockdown while it could not connect.
func (r *round) setVPN(m *compliancev1.Manifest, v, old *compliancev1.VpnRule) error {
	setting := "vpn." + v.GetName()
	if wrong := checkVPN(v); wrong != "" {
		if err := r.device().RemoveVPN(v.GetName()); err != nil {
			return err
		}
		r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_FAILED, "%s", wrong)
		return nil
	}
	rule, waits := v, ""
	if alias := v.GetCertificateAlias(); alias != "" {
		var err error
		if waits, err = r.waitsFor(m, alias); err != nil {
			return err
		}
	}
	if waits != "" && v.GetLockdown() {
		rule = proto.CloneOf(v)
		rule.Lockdown = false
	}
	if old == nil || !proto.Equal(old, rule) {
		if err := r.device().SetVPN(rule); err != nil {
			r.noteError(setting, err)
			return nil
		}
	}
	if waits != "" {
		r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_PENDING, "%s", waits)
		return nil
	}
	r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_APPLIED, "")
	return nil
}

// waitsFor says why the certificate of an alias is not in place; "" when it is.
// One that is about to be removed is not in place.
func (r *round) waitsFor(m *compliancev1.Manifest, alias string) (string, error) {
	asked := false
	for _, c := range m.GetClientCertificates() {
		asked = asked || c.GetAlias() == alias
	}
	if !asked {
		return "no policy asks for its certificate " + alias, nil
	}
	records, err := r.device().Certificates()
	if err != nil {
		return "", err
	}
	if leaf := records[alias].Leaf(); leaf == nil || r.now.After(leaf.NotAfter) {
		return "waits for its certificate " + alias, nil
	}
	return "", nil
}
