package wipedb

import (
	"context"
	"sync"

	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// ordered remembers which devices may have unsettled orders, so that the many
// phones without any need no query. It is right because it only ever errs to
// one side: a device is added before its order is written, and nothing is
// taken out until the process ends. It is for a process that writes alone.
type ordered struct {
	loading sync.Mutex // held by the one who loads
	mu      sync.Mutex // guards what follows
	loaded  bool
	devices map[device.ID]struct{}
}

// add notes a device that is about to get an order.
func (c *ordered) add(ids ...device.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.devices == nil {
		c.devices = make(map[device.ID]struct{}, len(ids))
	}
	for _, id := range ids {
		c.devices[id] = struct{}{}
	}
}

// none reports whether the device surely has no unsettled order.
func (c *ordered) none(ctx context.Context, db *sqldb.DB, id device.ID) (bool, error) {
	found, loaded := c.look(id)
	if found || loaded {
		return !found, nil
	}
	c.loading.Lock()
	defer c.loading.Unlock()
	if found, loaded = c.look(id); found || loaded {
		return !found, nil
	}
	if err := c.load(ctx, db); err != nil {
		return false, err
	}
	found, _ = c.look(id)
	return !found, nil
}

func (c *ordered) look(id device.ID) (found, loaded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, found = c.devices[id]
	return found, c.loaded
}

// load reads the devices once. Orders that are written meanwhile have added
// theirs themselves.
func (c *ordered) load(ctx context.Context, db *sqldb.DB) error {
	var ids []device.ID
	err := db.Read(ctx).Model(&orderRow{}).Distinct("device_id").Where("settled_at IS NULL").Find(&ids).Error
	if err != nil {
		return sqldb.Fault(err)
	}
	c.add(ids...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded = true
	return nil
}
