package wipe

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"ringfence/internal/pki"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const (
	maxPackages    = 100
	maxPackageName = 255
)

var (
	packagePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$`)
	orderPattern   = regexp.MustCompile(`^[a-z0-9-]{8,64}$`)
)

// ValidPackage reports whether name is an Android package name. Nothing else
// may ever become part of a path.
func ValidPackage(name string) bool {
	return len(name) <= maxPackageName && packagePattern.MatchString(name)
}

// Scope says what goes: the work profile, or else the work data of named apps.
type Scope struct {
	WorkProfile bool     `json:"workProfile,omitempty"`
	Packages    []string `json:"packages,omitempty"`
}

// Order is an order that has been verified: it is from the order signer, for
// this phone and this enrolment, and its time has not passed.
type Order struct {
	ID       string
	DeviceID string
	Epoch    uint64
	Sequence uint64
	Scope    Scope
	IssuedAt time.Time
	NotAfter time.Time
	// Digest is the SHA-256 of what was signed.
	Digest [sha256.Size]byte
}

// refusal says why what came as an order is no good order for this phone now.
type refusal struct {
	reason wipev1.Refusal
	detail string
}

func (r *refusal) Error() string { return "order is not for this phone now: " + r.detail }

// errImpossible is an order from the right signer to this phone which it cannot
// carry out: it tells the server so.
var errImpossible = errors.New("order cannot be carried out")

func unwanted(reason wipev1.Refusal, format string, args ...any) error {
	return &refusal{reason: reason, detail: fmt.Sprintf(format, args...)}
}

func impossible(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errImpossible, fmt.Sprintf(format, args...))
}

// verify checks a signed order against the enrolment at the given time. Signer,
// addressee and time come first: only what passes them can be carried out, or be
// an errImpossible; everything else is a refusal. The sequence is for the
// journal to judge.
func verify(signed *wipev1.SignedOrder, e Enrollment, now time.Time) (Order, error) {
	content, _, err := pki.VerifySigned(signed.GetSignedData(), e.Roots, pki.OrdersKeyUsage, now)
	if err != nil {
		return Order{}, unwanted(wipev1.Refusal_REFUSAL_SIGNATURE, "%v", err)
	}
	m := &wipev1.OrderToSign{}
	if err := proto.Unmarshal(content, m); err != nil {
		return Order{}, unwanted(wipev1.Refusal_REFUSAL_SIGNATURE, "its content is not an order")
	}
	if err := addressed(m, signed.GetOrderId(), e, now); err != nil {
		return Order{}, err
	}
	o := Order{
		ID: m.GetOrderId(), DeviceID: m.GetDeviceId(), Epoch: m.GetEpoch(), Sequence: m.GetSequence(),
		IssuedAt: m.GetIssuedAt().AsTime(), NotAfter: m.GetNotAfter().AsTime(), Digest: sha256.Sum256(content),
	}
	if hasUnknown(m.ProtoReflect()) {
		return o, impossible("it asks something this agent does not know")
	}
	o.Scope, err = scopeOf(m.GetScope(), e)
	return o, err
}

// addressed checks that an order is the one it was given as, for this phone,
// this enrolment and this time.
func addressed(m *wipev1.OrderToSign, id string, e Enrollment, now time.Time) error {
	switch {
	case m.GetOrderId() != id || !orderPattern.MatchString(id):
		return unwanted(wipev1.Refusal_REFUSAL_IDENTITY, "its id does not hold")
	case e.DeviceID == "" || m.GetDeviceId() != e.DeviceID:
		return unwanted(wipev1.Refusal_REFUSAL_DEVICE, "it is for another phone")
	case e.Epoch == 0 || m.GetEpoch() != e.Epoch:
		return unwanted(wipev1.Refusal_REFUSAL_EPOCH, "it is for enrolment %d, this is %d", m.GetEpoch(), e.Epoch)
	case m.GetNotAfter().CheckValid() != nil || m.GetIssuedAt().CheckValid() != nil:
		return unwanted(wipev1.Refusal_REFUSAL_TIME, "its times do not hold")
	case now.After(m.GetNotAfter().AsTime()):
		return unwanted(wipev1.Refusal_REFUSAL_TIME, "it ended at %s", m.GetNotAfter().AsTime().Format(time.RFC3339))
	}
	return nil
}

func scopeOf(s *wipev1.Scope, e Enrollment) (Scope, error) {
	switch {
	case s.GetWorkProfile() != nil:
		if !e.HasWorkProfile {
			return Scope{}, impossible("this phone has no work profile")
		}
		return Scope{WorkProfile: true}, nil
	case s.GetAppData() != nil:
		packages := s.GetAppData().GetPackages()
		if len(packages) == 0 || len(packages) > maxPackages {
			return Scope{}, impossible("it names %d apps, 1 to %d are allowed", len(packages), maxPackages)
		}
		for _, name := range packages {
			if !ValidPackage(name) {
				return Scope{}, impossible("%.40q is not a package name", name)
			}
		}
		sorted := slices.Sorted(slices.Values(packages))
		return Scope{Packages: slices.Compact(sorted)}, nil
	default:
		return Scope{}, impossible("it names nothing")
	}
}

// hasUnknown reports whether a message, or one inside it, has a field that this
// agent does not know. A wipe that is understood in part is not understood.
func hasUnknown(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() != nil && !f.IsList() && !f.IsMap() {
			found = hasUnknown(v.Message())
		}
		return !found
	})
	return found
}
