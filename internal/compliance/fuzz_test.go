package compliance

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"ringfence/internal/device"
)

// FuzzCompile makes policies out of any bytes and compiles them: it must not
// panic, must not depend on the order, and must leave no setting both asked
// and in conflict.
func FuzzCompile(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x01\x05\x02\x08\x00\x1e\x04\x3c"))
	f.Add([]byte("{{device.id}}\x00{{user}}\x00com.example.vpn\x00vpn.example.com"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := source{data}
		policies := make([]Named, s.number()%6)
		for i := range policies {
			policies[i] = Named{Name: fmt.Sprintf("p%d", s.number()%4), Revision: uint64(s.number()), Spec: s.spec()}
		}
		mode := []device.Mode{device.WorkProfile, device.FullyManaged, device.Dedicated, "unheard-of"}[s.number()%4]
		m := Compile(policies, mode)
		slices.Reverse(policies)
		if again := Compile(policies, mode); again.Revision() != m.Revision() {
			t.Errorf("revision %s, backwards %s", m.Revision(), again.Revision())
		}
		for _, c := range m.Conflicts {
			if m.asks(c.Setting) {
				t.Errorf("%s is asked and in conflict", c.Setting)
			}
		}
		for _, p := range policies {
			_ = p.Spec.Validate()
		}
		report := Report{ObservedAt: t0, AppliedRevision: s.text()}
		v := Evaluate(Evidence{Manifest: m, Report: &report, Limits: limits()}, t0)
		if v.Standing != Compliant && v.Standing != NonCompliant {
			t.Errorf("standing of a device with a report is %v", v.Standing)
		}
	})
}

// source makes values out of bytes; when they run out it gives zeros.
type source struct{ b []byte }

func (s *source) number() uint32 {
	n, size := binary.Uvarint(s.b)
	if size <= 0 {
		size = min(1, len(s.b))
	}
	s.b = s.b[size:]
	return uint32(n)
}

func (s *source) text() string {
	n := min(int(s.number()%64), len(s.b))
	text := string(s.b[:n])
	s.b = s.b[n:]
	return text
}

func (s *source) texts() []string {
	list := make([]string, s.number()%4)
	for i := range list {
		list[i] = s.text()
	}
	return list
}

func (s *source) spec() Spec {
	spec := Spec{Description: s.text()}
	for range s.number() % 3 {
		spec.Pins = append(spec.Pins, PinRule{
			PinScope(s.number()), PinQuality(s.number()), PinComplexity(s.number()), s.number(), s.number(),
			s.number(), s.number(), s.number(),
		})
	}
	for range s.number() % 3 {
		spec.TrustedRoots = append(spec.TrustedRoots, TrustedRoot{s.text(), s.text()})
	}
	for range s.number() % 3 {
		spec.Certificates = append(spec.Certificates, CertificateProfile{
			s.text(), s.text(), s.text(), s.texts(), s.texts(), s.texts(), KeyType(s.number()), s.number(),
			[]ExtendedKeyUsage{ExtendedKeyUsage(s.number())}, s.number(),
		})
	}
	for range s.number() % 3 {
		spec.VPNs = append(spec.VPNs, VPNRule{
			s.text(), s.text(), []VPNServer{{s.text(), s.text()}}, s.text(), s.number()%2 == 0, s.number()%2 == 0,
			s.texts(), s.texts(), map[string]string{s.text(): s.text()},
		})
	}
	for range s.number() % 3 {
		spec.Assignments = append(spec.Assignments, Assignment{TargetKind(s.number()), s.text(), s.number()%2 == 0})
	}
	return spec
}
