package compliance

import (
	"context"
	"sync"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// Config says what a Service is made of. All but Leases, Limits and Cache is
// required.
type Config struct {
	Policies     Policies
	Reports      Reports
	Certificates Certificates
	Revocations  Revocations
	Devices      Devices
	Authority    Authority
	Bell         Bell
	// Leases gives each group its lease; nil where there are none.
	Leases Leases
	// Now is the clock.
	Now    func() time.Time
	Limits Limits
	// Cache is true where this process is the only one that writes: what it
	// remembers of the database can then be trusted.
	Cache bool
}

// Service loads, lets the pure part decide, saves and rings. It is safe for
// concurrent use.
type Service struct {
	config  Config
	catalog *catalog
	memory  *memory
	list    listCache
	// sweeping lets one Sweep run at a time.
	sweeping sync.Mutex
	// upkeep is held by whoever holds many slots at once, so that no two can
	// wait for each other's.
	upkeep sync.Mutex
}

// New makes a Service.
func New(c Config) *Service {
	c.Limits = c.Limits.withDefaults()
	return &Service{
		config:  c,
		catalog: &catalog{policies: c.Policies, recalled: c.Certificates, trusted: c.Cache},
		memory: &memory{
			trusted: c.Cache, max: maxRemembered,
			slots: make(map[device.ID]*slot), unwritten: make(map[device.ID]struct{}),
		},
	}
}

// Desired is what a device should have.
type Desired struct {
	// Revision is the manifest's; "" where nothing is asked.
	Revision string
	// Generation is the one of the policies it was compiled from: where it is
	// another, every device was rung.
	Generation uint64
}

// Desired says what the caller should have, by policies that are not older
// than the call.
func (s *Service) Desired(ctx context.Context, caller identity.Caller) (Desired, error) {
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		return Desired{}, err
	}
	d, err := s.demand(ctx, snap, factsOf(caller))
	if err != nil {
		return Desired{}, err
	}
	return Desired{Revision: d.manifest.Revision(), Generation: snap.generation}, nil
}

// Manifest gives what is asked of the caller.
func (s *Service) Manifest(ctx context.Context, caller identity.Caller) (*Manifest, error) {
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.demand(ctx, snap, factsOf(caller))
	if err != nil {
		return nil, err
	}
	return d.manifest, nil
}

// factsOf are what a device's certificate says of it: it is enrolled.
func factsOf(c identity.Caller) Device {
	return Device{
		ID: c.Device, Epoch: c.Epoch, Enrolled: true,
		Ownership: c.Ownership, Mode: c.Mode, Group: c.Group, User: c.User,
	}
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return storedTime(s.config.Now()) }
