package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"ringfence/agent/session"
	"ringfence/internal/sqldb/dbtest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// TestRevocationReachesThePhone: with the real agent, on both databases. A
// revoked certificate's key goes and another takes its place; one that no policy
// asks for goes from phone and server.
func TestRevocationReachesThePhone(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a := s.admin(t)
		v := newVirtual(t)
		v.set(t, "work.pin.set=true", "work.pin.length=8", "work.pin.quality=numeric-complex", "work.pin.complexity=high")
		enrolment, err := v.agent.Enroll(t.Context(), session.EnrollOptions{
			Server: s.at.Device, Token: a.token(t), Roots: []byte(s.credential.CA),
			Model: "Pixel 9", OSVersion: "16", Mode: "work-profile",
		})
		if err != nil {
			t.Fatal(err)
		}
		v.id = enrolment.DeviceID
		running, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- v.agent.Run(running) }()
		defer func() {
			stop()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}()

		a.apply(t, mainPolicy(t, s))
		settles(t, a, v.id, compliancev1.Standing_STANDING_COMPLIANT)
		first := v.certificate(t)

		if _, err := a.compliance.RevokeCertificate(t.Context(), &compliancev1.RevokeCertificateRequest{Serial: first.serial, Reason: "a test"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another certificate", func() (bool, error) {
			now := v.certificate(t)
			return now.serial != "" && now.serial != first.serial, fmt.Errorf("%w: %v", errNotYet, now)
		})
		settles(t, a, v.id, compliancev1.Standing_STANDING_COMPLIANT)
		checkApplied(t, a, v.id)
		second := v.certificate(t)
		if second.key == first.key {
			t.Error("the key is the revoked one")
		}
		if _, err := v.phone.Key(first.key); err == nil {
			t.Error("the revoked key is still on the phone")
		}

		a.apply(t, pinPolicy("sales", 6))
		eventually(t, "the end of the certificate", func() (bool, error) {
			list, err := a.compliance.ListCertificates(t.Context(), &compliancev1.ListCertificatesRequest{DeviceId: v.id})
			if err != nil {
				return false, err
			}
			live := 0
			for _, c := range list.GetCertificates() {
				if c.GetRevokedAt() == nil {
					live++
				}
			}
			return live == 0, fmt.Errorf("%w: %v", errNotYet, list)
		})
		settles(t, a, v.id, compliancev1.Standing_STANDING_COMPLIANT)
		if left := v.certificate(t); left.serial != "" {
			t.Errorf("the phone still has %v", left)
		}
		if _, err := v.phone.Key(second.key); err == nil {
			t.Error("the key is still on the phone")
		}
	})
}

// held is the client certificate on a phone; empty without one.
type held struct{ serial, key string }

func (v *virtual) certificate(tb testing.TB) held {
	tb.Helper()
	records, err := v.phone.Certificates()
	if err != nil {
		tb.Fatal(err)
	}
	leaf := records["work"].Leaf()
	if leaf == nil {
		return held{}
	}
	return held{leaf.SerialNumber.Text(16), records["work"].Current.Key}
}
