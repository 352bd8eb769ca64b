package enrollrpc

import (
	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/page"
	"ringfence/internal/wire"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// The words of the wire and ours. UNSPECIFIED is the empty word, both ways; so
// is whatever a newer client may send, which the wire's rules refuse before.
var (
	ownerships = words[enrollv1.Ownership, device.Ownership]{
		enrollv1.Ownership_OWNERSHIP_PERSONAL: device.Personal,
		enrollv1.Ownership_OWNERSHIP_COMPANY:  device.Company,
	}
	modes = words[enrollv1.Mode, device.Mode]{
		enrollv1.Mode_MODE_WORK_PROFILE:  device.WorkProfile,
		enrollv1.Mode_MODE_FULLY_MANAGED: device.FullyManaged,
		enrollv1.Mode_MODE_DEDICATED:     device.Dedicated,
	}
	platforms = words[enrollv1.Platform, device.Platform]{
		enrollv1.Platform_PLATFORM_ANDROID: device.Android,
	}
	states = words[enrollv1.DeviceState, enroll.State]{
		enrollv1.DeviceState_DEVICE_STATE_ENROLLED: enroll.Enrolled,
		enrollv1.DeviceState_DEVICE_STATE_LEFT:     enroll.Left,
		enrollv1.DeviceState_DEVICE_STATE_RETIRED:  enroll.Retired,
		enrollv1.DeviceState_DEVICE_STATE_WIPED:    enroll.Wiped,
	}
)

// words pairs an enum of the wire with words of ours.
type words[W ~int32, D ~string] map[W]D

func (w words[W, D]) fromWire(v W) D { return w[v] }

func (w words[W, D]) toWire(d D) W {
	for value, word := range w {
		if word == d {
			return value
		}
	}
	return 0
}

func joinFromWire(r *enrollv1.JoinRequest) enroll.JoinRequest {
	return enroll.JoinRequest{
		Secret: r.GetToken(), CSR: r.GetCertificateRequest(), HardwareTag: r.GetHardwareTag(),
		Platform: platforms.fromWire(r.GetPlatform()), Model: r.GetModel(), OSVersion: r.GetOsVersion(),
		Mode: modes.fromWire(r.GetMode()),
	}
}

func joinToWire(a enroll.Admission) *enrollv1.JoinResponse {
	return &enrollv1.JoinResponse{
		DeviceId: string(a.Device), Epoch: uint64(a.Epoch),
		CertificateChain: a.Chain, TrustBundle: a.TrustBundle, RenewAfter: wire.Time(a.RenewAfter),
		Ownership: ownerships.toWire(a.Ownership), Mode: modes.toWire(a.Mode),
	}
}

func specFromWire(r *enrollv1.CreateTokenRequest) enroll.TokenSpec {
	return enroll.TokenSpec{
		RequestKey: r.GetRequestKey(), Description: r.GetDescription(),
		Ownership: ownerships.fromWire(r.GetOwnership()), Mode: modes.fromWire(r.GetMode()),
		Group: r.GetGroup(), User: r.GetUser(), MaxUses: r.GetMaxUses(), Lifetime: r.GetLifetime().AsDuration(),
	}
}

func tokenToWire(t enroll.Token) *enrollv1.Token {
	return &enrollv1.Token{
		Id: t.ID, Description: t.Description,
		Ownership: ownerships.toWire(t.Ownership), Mode: modes.toWire(t.Mode), Group: t.Group, User: t.User,
		MaxUses: t.MaxUses, Uses: t.Uses, CreatedBy: t.CreatedBy,
		CreatedAt: wire.Time(t.CreatedAt), ExpiresAt: wire.Time(t.ExpiresAt), RevokedAt: wire.Time(t.RevokedAt),
	}
}

func queryFromWire(r *enrollv1.ListDevicesRequest) enroll.DeviceQuery {
	return enroll.DeviceQuery{
		Limit: page.Size(r.GetPageSize()), Group: r.GetGroup(), User: r.GetUser(),
		State:     states.fromWire(r.GetState()),
		Ownership: ownerships.fromWire(r.GetOwnership()),
		Mode:      modes.fromWire(r.GetMode()),
		Deleted:   r.GetShowDeleted(),
	}
}

func deviceToWire(d enroll.Device) *enrollv1.Device {
	return &enrollv1.Device{
		Id: string(d.ID), Epoch: uint64(d.Epoch), State: states.toWire(d.State),
		Ownership: ownerships.toWire(d.Ownership), Mode: modes.toWire(d.Mode), Platform: platforms.toWire(d.Platform),
		Model: d.Model, OsVersion: d.OSVersion, Group: d.Group, User: d.User, TokenId: d.TokenID,
		EnrolledAt: wire.Time(d.EnrolledAt), EndedAt: wire.Time(d.EndedAt), LastSeenAt: wire.Time(d.LastSeenAt),
		CertificateSerial:    d.Certificate.Serial,
		CertificateExpiresAt: wire.Time(d.Certificate.ExpiresAt),
		DeletedAt:            wire.Time(d.DeletedAt), DeletedBy: d.DeletedBy, PurgedAt: wire.Time(d.PurgedAt),
	}
}
