package compliance

import (
	"context"
	"fmt"
	"sync"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

const actionRevoke = "compliance.certificate.revoke"

// RevokeCertificate puts a certificate on the revocation list, recalls it from
// its device, and gives it as it is now. One that is on the list already keeps
// its first reason. NotFound where there is none that the caller reaches.
func (s *Service) RevokeCertificate(ctx context.Context, serial, reason string) (Certificate, error) {
	known, err := s.config.Certificates.Certificate(ctx, serial)
	if err == nil {
		err = s.reach(ctx, known.Key.Device)
	}
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return Certificate{}, errNoCertificate(serial)
	}
	if err != nil {
		return Certificate{}, err
	}
	c, err := s.config.Certificates.Revoke(ctx, serial, Revocation{At: s.now(), Code: CodeUnspecified, Reason: reason},
		audit.By(ctx, actionRevoke, "certificate/"+serial, reason))
	// Even an error may hide a change: what is remembered is not trusted.
	s.catalog.forget()
	if err != nil {
		return Certificate{}, err
	}
	s.judgeAgain(ctx, c.Key.Device)
	s.config.Bell.Ring(c.Key.Device)
	return c, nil
}

// judgeAgain brings a device's stored verdict up to date now. The store has made
// the device due: what fails here is for the next Sweep.
func (s *Service) judgeAgain(ctx context.Context, id device.ID) {
	now := s.now()
	_ = s.upkeepAll(ctx, []device.ID{id}, func(slot *slot, id device.ID) (Write, bool, error) {
		slot.state.Generation = 0 // due in memory as well, or a flush would undo it
		return s.rejudge(ctx, slot, id, now)
	})
}

// EnrollmentEnded revokes every certificate of a device's epochs up to this
// one and drops its report. Call it when an enrolment ends, as often as you
// like.
func (s *Service) EnrollmentEnded(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	slot := s.memory.lock(id)
	defer slot.mu.Unlock()
	// Whatever comes of it, the database knows better.
	defer slot.unload()
	e := audit.Of(ctx, "compliance.enrollment.end", "device/"+string(id), fmt.Sprintf("epoch %d: %s", epoch, reason))
	r := Revocation{At: s.now(), Code: CodeCessationOfOperation, Reason: reason}
	if err := s.config.Certificates.EndEpoch(ctx, id, epoch, r, e); err != nil {
		return err
	}
	s.catalog.recalls.drop(id, epoch)
	return nil
}

// listCache keeps the bytes of the last revocation list.
type listCache struct {
	mu     sync.Mutex // guards what follows
	number uint64
	der    []byte
}

func (c *listCache) get(number uint64) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.number != number {
		return nil
	}
	return c.der
}

func (c *listCache) put(number uint64, der []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number > c.number {
		c.number, c.der = number, der
	}
}

// RevocationList gives the certificate revocation list, DER. Its number grows
// with every list; a new one is made when something was revoked or half of the
// last one's life has passed. Do not change the bytes.
func (s *Service) RevocationList(ctx context.Context) ([]byte, error) {
	for try := 1; ; try++ {
		der, err := s.listOnce(ctx)
		// Another server has made the next list meanwhile.
		if err != nil && (fault.KindOf(err) == fault.Conflict || fault.KindOf(err) == fault.NotFound) && try < maxTries {
			continue
		}
		return der, err
	}
}

func (s *Service) listOnce(ctx context.Context) ([]byte, error) {
	last, revocations, err := s.config.Revocations.ListInfo(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if last.current(revocations, now) {
		if der := s.list.get(last.Number); der != nil {
			return der, nil
		}
		der, err := s.config.Revocations.ListDER(ctx, last.Number)
		if err == nil {
			s.list.put(last.Number, der)
		}
		return der, err
	}
	// An entry stays until a list made after the certificate's end has shown it.
	revoked, err := s.config.Revocations.Revoked(ctx, now.Add(-2*s.config.Limits.RevocationListLife))
	if err != nil {
		return nil, err
	}
	next := ListInfo{
		Number: last.Number + 1, Revocations: revocations,
		ThisUpdate: now, NextUpdate: now.Add(s.config.Limits.RevocationListLife),
	}
	der, err := s.config.Authority.CRL(RevocationList{
		Revoked: revoked, Number: next.Number, ThisUpdate: next.ThisUpdate, NextUpdate: next.NextUpdate,
	})
	if err != nil {
		return nil, err
	}
	if err := s.config.Revocations.SaveList(ctx, next, der); err != nil {
		return nil, err
	}
	s.list.put(next.Number, der)
	return der, nil
}
