package compliance

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ringfence/internal/fault"
)

// Validate checks what the wire's own rules cannot say, and what would break
// this slice if they ever failed to say it. Its error is an Invalid fault that
// names the field.
func (s Spec) Validate() error {
	for _, check := range []func(Spec) error{
		validatePins, validateRoots, validateCertificates, validateVPNs, validateAssignments,
	} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

func validatePins(s Spec) error {
	seen := unique[PinScope]{}
	for i, p := range s.Pins {
		field := fmt.Sprintf("spec.pins[%d].scope", i)
		if p.Scope != PinDevice && p.Scope != PinWorkProfile {
			return fault.InvalidField(field, "is not a scope")
		}
		if err := seen.add(p.Scope, field); err != nil {
			return err
		}
	}
	return nil
}

func validateRoots(s Spec) error {
	seen := unique[string]{}
	for i, r := range s.TrustedRoots {
		field := fmt.Sprintf("spec.trusted_roots[%d]", i)
		if err := seen.add(r.Name, field+".name"); err != nil {
			return err
		}
		if err := oneAuthority(r.CertificatePEM); err != nil {
			return fault.InvalidField(field+".certificate_pem", "%v", err)
		}
	}
	return nil
}

// oneAuthority checks that text holds one CA certificate and no more: a
// second one would be trusted without having been seen.
func oneAuthority(text string) error {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || block.Type != "CERTIFICATE":
		return errors.New("is not a PEM certificate")
	case strings.Contains(string(rest), "-----BEGIN"):
		return errors.New("holds more than one PEM block")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return errors.New("holds no certificate that can be read")
	}
	if !c.BasicConstraintsValid || !c.IsCA {
		return errors.New("is not a CA certificate")
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return errors.New("may not sign certificates")
	}
	return nil
}

// sampleValues are devices a template is tried on. A user is a plain name in
// some companies and a mail address in others.
var sampleValues = []Values{
	{DeviceID: "sample-device", DeviceGroup: "group", User: "user"},
	{DeviceID: "sample-device", DeviceGroup: "group", User: "user@example.com"},
}

func validateCertificates(s Spec) error {
	seen := unique[string]{}
	for i, c := range s.Certificates {
		field := fmt.Sprintf("spec.client_certificates[%d].", i)
		if err := seen.add(c.Alias, field+"alias"); err != nil {
			return err
		}
		if c.KeyType < KeyECP256 || c.KeyType > KeyRSA4096 {
			return fault.InvalidField(field+"key_type", "is not a key type")
		}
		if c.ValidityDays == 0 {
			return fault.InvalidField(field+"validity_days", "must be at least 1")
		}
		if err := validateTemplates(c, field); err != nil {
			return err
		}
	}
	return nil
}

// validateTemplates tries each template alone: one may suit plain names and
// another mail addresses.
func validateTemplates(c CertificateProfile, field string) error {
	for _, t := range c.templates(&names{}) {
		for _, template := range t.list {
			fits := false
			for _, v := range sampleValues {
				text, err := expand(template, v, t.quote)
				if err != nil {
					return fault.InvalidField(field+t.field, "%v", err)
				}
				fits = fits || t.valid(text)
			}
			if !fits {
				return fault.InvalidField(field+t.field, "%q gives no valid name", template)
			}
		}
	}
	return nil
}

func validateVPNs(s Spec) error {
	seen, alwaysOn := unique[string]{}, ""
	for i, v := range s.VPNs {
		field := fmt.Sprintf("spec.vpns[%d].", i)
		if err := seen.add(v.Name, field+"name"); err != nil {
			return err
		}
		if v.AlwaysOn && alwaysOn != "" {
			return fault.InvalidField(field+"always_on", "%q is always on already: a device keeps up one connection", alwaysOn)
		}
		if v.AlwaysOn {
			alwaysOn = v.Name
		}
		if err := validateVPN(v, field); err != nil {
			return err
		}
	}
	return nil
}

func validateVPN(v VPNRule, field string) error {
	if v.Lockdown && !v.AlwaysOn {
		return fault.InvalidField(field+"lockdown", "needs always_on")
	}
	if len(v.Servers) == 0 {
		return fault.InvalidField(field+"servers", "must not be empty")
	}
	for i, server := range v.Servers {
		if !portInRange(server.Address) {
			return fault.InvalidField(fmt.Sprintf("%sservers[%d].address", field, i), "the port must be 1 to 65535")
		}
	}
	denied := make(map[string]struct{}, len(v.DeniedPackages))
	for _, p := range v.DeniedPackages {
		denied[p] = struct{}{}
	}
	for i, p := range v.AllowedPackages {
		if _, both := denied[p]; both {
			return fault.InvalidField(fmt.Sprintf("%sallowed_packages[%d]", field, i), "%q is denied as well", p)
		}
	}
	return nil
}

// portInRange reports whether the port of "host", "host:port" or "[ip]:port"
// is one; the form of the address is the wire's to check.
func portInRange(address string) bool {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 || strings.HasSuffix(address, "]") {
		return true
	}
	port, err := strconv.ParseUint(address[colon+1:], 10, 16)
	return err == nil && port > 0
}

func validateAssignments(s Spec) error {
	for i, a := range s.Assignments {
		if a.Kind < TargetAll || a.Kind > TargetDevice || (a.Kind == TargetAll) != (a.Name == "") {
			return fault.InvalidField(fmt.Sprintf("spec.assignments[%d]", i), "must name one target")
		}
	}
	return nil
}

// unique finds what is named twice.
type unique[K comparable] map[K]struct{}

func (u unique[K]) add(key K, field string) error {
	if _, twice := u[key]; twice {
		return fault.InvalidField(field, "%v is named twice", key)
	}
	u[key] = struct{}{}
	return nil
}
