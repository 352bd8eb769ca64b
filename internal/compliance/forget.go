package compliance

import (
	"context"
	"fmt"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// Forget erases what is kept of a device's epochs up to this one that speaks of
// its person or of the phone: the last report with its verdict, and of each
// certificate all but its numbers, its alias, its key's digest, and when and with
// which code it was revoked, which is what the revocation list needs. Call it
// when the record of a device is deleted and EnrollmentEnded has succeeded, as
// often as you like: what is forgotten already is not recorded again. Conflict
// where the epoch has not ended.
func (s *Service) Forget(ctx context.Context, id device.ID, epoch device.Epoch) error {
	slot := s.memory.lock(id)
	defer slot.mu.Unlock()
	// Whatever comes of it, the database knows better.
	defer slot.unload()
	detail := fmt.Sprintf("up to epoch %d: its record was deleted", epoch)
	return s.config.Certificates.Erase(ctx, id, epoch, audit.Of(ctx, "compliance.forget", "device/"+string(id), detail))
}
