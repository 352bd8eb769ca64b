package transmitrpc

import (
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/transmit"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

// table turns words of package transmit into those of the wire, and back.
type table[K, V comparable] map[K]V

func (t table[K, V]) key(v V) (K, bool) {
	for k, is := range t {
		if is == v {
			return k, true
		}
	}
	var none K
	return none, false
}

var deliveries = table[transmit.Delivery, transmitv1.Delivery]{
	transmit.Push:    transmitv1.Delivery_DELIVERY_PUSH,
	transmit.Poll:    transmitv1.Delivery_DELIVERY_POLL,
	transmit.Webhook: transmitv1.Delivery_DELIVERY_WEBHOOK,
}

var statuses = table[transmit.Status, transmitv1.StreamStatus]{
	transmit.Enabled:  transmitv1.StreamStatus_STREAM_STATUS_ENABLED,
	transmit.Paused:   transmitv1.StreamStatus_STREAM_STATUS_PAUSED,
	transmit.Disabled: transmitv1.StreamStatus_STREAM_STATUS_DISABLED,
}

var events = table[transmit.EventType, transmitv1.EventType]{
	transmit.ComplianceChange: transmitv1.EventType_EVENT_TYPE_DEVICE_COMPLIANCE_CHANGE,
	transmit.SessionRevoked:   transmitv1.EventType_EVENT_TYPE_SESSION_REVOKED,
	transmit.CredentialChange: transmitv1.EventType_EVENT_TYPE_CREDENTIAL_CHANGE,
	transmit.RiskLevelChange:  transmitv1.EventType_EVENT_TYPE_RISK_LEVEL_CHANGE,
	transmit.Verification:     transmitv1.EventType_EVENT_TYPE_VERIFICATION,
	transmit.StreamUpdated:    transmitv1.EventType_EVENT_TYPE_STREAM_UPDATED,
}

func streamToWire(s *transmit.Stream) *transmitv1.Stream {
	// The query of an endpoint may be what lets in whoever knows it.
	endpoint, _, _ := strings.Cut(s.Endpoint, "?")
	w := &transmitv1.Stream{
		Id: s.ID, ClientId: s.ClientID, ClientName: s.ClientName, Delivery: deliveries[s.Delivery], Endpoint: endpoint,
		Audience: s.Audience, Description: s.Description, Algorithm: s.Alg, Status: statuses[s.Status],
		StatusReason: s.StatusReason, Version: s.Version, CreatedAt: moment(s.CreatedAt), UpdatedAt: moment(s.UpdatedAt),
		VerifiedAt: moment(s.VerifiedAt),
	}
	for _, e := range s.Events {
		w.Events = append(w.Events, events[e])
	}
	return w
}

func listedToWire(l *transmit.Listed) *transmitv1.Stream {
	w, h := streamToWire(&l.Stream), &l.Health
	w.Health = &transmitv1.StreamHealth{
		Pending: uint64(max(h.Pending, 0)), OldestPendingAt: moment(h.Oldest), Failures: small(h.Failures),
		FailingSince: moment(h.FailingSince), LastError: h.LastError, DeliveredAt: moment(h.DeliveredAt),
		DeadLetters: uint64(max(h.Dead, 0)),
	}
	return w
}

func letterToWire(l *transmit.Letter) *transmitv1.DeadLetter {
	return &transmitv1.DeadLetter{
		EventId: l.JTI, Type: events[l.Type], DeviceId: string(l.Device), CreatedAt: moment(l.CreatedAt),
		Tries: small(l.Tries), DeadAt: moment(l.At), Reason: l.Reason,
	}
}

// small is a count on the wire.
func small(n int) uint32 { return uint32(min(max(n, 0), math.MaxInt32)) }

// moment is a time on the wire; none for the zero time.
func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
