package enrolldb

import (
	"context"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
)

// Device implements [enroll.Devices].
func (s *Store) Device(ctx context.Context, id device.ID) (enroll.Device, error) {
	return s.device(ctx, "SELECT "+deviceColumns+" FROM enroll_devices d WHERE d.id = ?", string(id))
}

// DeviceByTag implements [enroll.Devices].
func (s *Store) DeviceByTag(ctx context.Context, tag enroll.Digest) (enroll.Device, error) {
	return s.device(ctx, "SELECT "+deviceColumns+" FROM enroll_devices d WHERE d.hardware_tag = ?", octets(tag))
}

func (s *Store) device(ctx context.Context, text string, key any) (enroll.Device, error) {
	var r deviceRow
	if err := s.db.QueryRow(ctx, text, []any{key}, r.scan()...); err != nil {
		return enroll.Device{}, missing(err, enroll.ErrNoDevice)
	}
	return r.device(), nil
}

const bySerialSQL = "SELECT c.epoch, " + deviceColumns + `
FROM enroll_certificates c JOIN enroll_devices d ON d.id = c.device_id WHERE c.serial = ?`

// DeviceBySerial implements [enroll.Devices].
func (s *Store) DeviceBySerial(ctx context.Context, serial string) (enroll.Device, device.Epoch, error) {
	var (
		epoch int64
		r     deviceRow
	)
	dest := append([]any{&epoch}, r.scan()...)
	if err := s.db.QueryRow(ctx, bySerialSQL, []any{serial}, dest...); err != nil {
		return enroll.Device{}, 0, missing(err, enroll.ErrNoCertificate)
	}
	return r.device(), device.Epoch(epoch), nil
}

const joinedSQL = "SELECT c.epoch, c.serial, c.csr_hash, c.chain, c.issued_at, c.expires_at, " + deviceColumns + `
FROM enroll_certificates c JOIN enroll_devices d ON d.id = c.device_id WHERE c.key_hash = ?`

// Joined implements [enroll.Devices].
func (s *Store) Joined(ctx context.Context, key enroll.Digest) (enroll.Joined, error) {
	var (
		epoch, issued, expires int64
		serial                 string
		request, der           []byte
		r                      deviceRow
	)
	dest := append([]any{&epoch, &serial, &request, &der, &issued, &expires}, r.scan()...)
	if err := s.db.QueryRow(ctx, joinedSQL, []any{octets(key)}, dest...); err != nil {
		return enroll.Joined{}, missing(err, enroll.ErrNoCertificate)
	}
	chain, err := splitChain(der)
	if err != nil {
		return enroll.Joined{}, err
	}
	return enroll.Joined{Device: r.device(), Epoch: device.Epoch(epoch), Issued: enroll.Issued{
		Chain: chain, Serial: serial, Key: key, Request: digest(request),
		IssuedAt: sqldb.FromMicros(issued), ExpiresAt: sqldb.FromMicros(expires),
	}}, nil
}

// ListDevices implements [enroll.Devices].
func (s *Store) ListDevices(ctx context.Context, q enroll.DeviceQuery) ([]enroll.Device, error) {
	list := page(s.db.Read(ctx), q.After, false).Limit(q.Limit)
	if !q.Deleted {
		list = list.Where("deleted_at IS NULL")
	}
	list = within(list, q.Groups)
	if q.Group != "" {
		list = list.Where("group_name = ?", q.Group)
	}
	if q.User != "" {
		// The second half says so that the index, which leaves "no user" out,
		// holds the answer.
		list = list.Where("user_name = ? AND user_name <> ''", q.User)
	}
	switch q.State {
	case "":
	case enroll.Enrolled:
		list = list.Where("ended_at IS NULL")
	default:
		list = list.Where("state = ? AND ended_at IS NOT NULL", string(q.State))
	}
	if q.Ownership != "" {
		list = list.Where("ownership = ?", string(q.Ownership))
	}
	if q.Mode != "" {
		list = list.Where("mode = ?", string(q.Mode))
	}
	var rows []deviceRow
	if err := list.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	return devices(rows), nil
}

func devices(rows []deviceRow) []enroll.Device {
	all := make([]enroll.Device, len(rows))
	for i, r := range rows {
		all[i] = r.device()
	}
	return all
}
