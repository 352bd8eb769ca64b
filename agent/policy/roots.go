package policy

import (
	"fmt"

	"ringfence/internal/pki"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// roots installs the trusted roots and removes those no longer asked for.
func (r *round) roots(m *compliancev1.Manifest) error {
	present, err := r.device().Roots()
	if err != nil {
		return err
	}
	wanted := make(map[string]bool)
	for _, root := range m.GetTrustedRoots() {
		name := root.GetName()
		if !ValidName(name) || wanted[name] {
			r.skip("trusted root", name)
			continue
		}
		wanted[name] = true
		if err := r.installRoot(root); err != nil {
			r.noteError("trusted_root."+name, err)
			continue
		}
		r.note("trusted_root."+name, compliancev1.ApplyStatus_APPLY_STATUS_APPLIED, "")
	}
	for name := range present {
		if wanted[name] {
			continue
		}
		if err := r.device().RemoveRoot(name); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) installRoot(root *compliancev1.TrustedRoot) error {
	certificates, err := pki.ParseCertificatesPEM([]byte(root.GetCertificatePem()), 1)
	if err != nil {
		return fmt.Errorf("the certificate: %w", err)
	}
	c := certificates[0]
	if !c.IsCA || !c.BasicConstraintsValid {
		return fmt.Errorf("the certificate is not an authority's")
	}
	if r.now.After(c.NotAfter) {
		return fmt.Errorf("the certificate ended on %s", c.NotAfter.Format("2006-01-02"))
	}
	present, err := r.device().Roots()
	if err != nil {
		return err
	}
	if old := present[root.GetName()]; old != nil && old.Equal(c) {
		return nil
	}
	return r.device().InstallRoot(root.GetName(), c)
}
