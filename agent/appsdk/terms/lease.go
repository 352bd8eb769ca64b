package terms

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/apprules"
	"ringfence/internal/pki"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const leaseFormat = "ringfence.appprotect.lease.v1"

// ErrLease is every lease that does not hold.
var ErrLease = errors.New("the lease does not hold")

// Lease is a lease that has been verified.
type Lease struct {
	ID    string `json:"id"`
	Epoch uint64 `json:"epoch"`
	// Number is that of the report it answers.
	Number uint64 `json:"number"`
	// IssuedAt is by the server's clock.
	IssuedAt time.Time `json:"issuedAt"`
	// Revision is of the policy that it is for.
	Revision string `json:"revision"`
	// BlockAfter and WipeAfter are how long there may be no contact; zero is for
	// ever.
	BlockAfter time.Duration     `json:"blockAfter,omitempty"`
	WipeAfter  time.Duration     `json:"wipeAfter,omitempty"`
	Standing   apprules.Standing `json:"standing"`
}

// Expected is what a lease must be.
type Expected struct {
	Roots []*x509.Certificate
	ID    string
	Epoch uint64
	// Number is of the report that it answers, and After of the lease before.
	Number, After uint64
	Now           time.Time
}

// ReadLease verifies a lease. Its error is an ErrLease that says what was wrong
// for a log, and quotes nothing.
func ReadLease(signed []byte, e Expected) (Lease, error) {
	content, err := pki.VerifyLease(signed, e.Roots, e.Now)
	if err != nil {
		return Lease{}, fmt.Errorf("%w: %w", ErrLease, err)
	}
	m := &appprotectv1.LeaseToSign{}
	if err := proto.Unmarshal(content, m); err != nil {
		return Lease{}, fmt.Errorf("%w: its content is none", ErrLease)
	}
	if why := e.objects(m); why != "" {
		return Lease{}, fmt.Errorf("%w: %s", ErrLease, why)
	}
	return Lease{
		ID: m.GetRegistrationId(), Epoch: m.GetEpoch(), Number: m.GetNumber(),
		IssuedAt: m.GetIssuedAt().AsTime().UTC(), Revision: m.GetPolicyRevision(),
		BlockAfter: m.GetBlockAfter().AsDuration(), WipeAfter: m.GetWipeAfter().AsDuration(),
		Standing: apprules.Standing(m.GetStanding()), //nolint:gosec // in range: see objects
	}, nil
}

// objects says what is wrong with a lease; "" if nothing is.
func (e Expected) objects(m *appprotectv1.LeaseToSign) string {
	switch {
	case m.GetFormat() != leaseFormat:
		return "it has another form"
	case len(m.ProtoReflect().GetUnknown()) > 0:
		return "it says something that this app does not know"
	case e.ID == "" || m.GetRegistrationId() != e.ID:
		return "it is another registration's"
	case e.Epoch == 0 || m.GetEpoch() != e.Epoch:
		return "it is of another epoch"
	case m.GetNumber() != e.Number:
		return "it answers another report"
	case m.GetNumber() <= e.After:
		return "it is no newer than the one before"
	case m.GetIssuedAt().CheckValid() != nil:
		return "its time does not hold"
	case !term(m.GetBlockAfter()) || !term(m.GetWipeAfter()):
		return "its terms do not hold"
	case !apprules.ValidDigest(m.GetPolicyRevision()):
		return "it names no policy"
	case m.GetStanding() < appprotectv1.Standing_STANDING_OK || m.GetStanding() > appprotectv1.Standing_STANDING_WIPE:
		return "its standing is none that this app knows"
	}
	return ""
}

// term reports whether a span is absent, for never, or a span. None is zero:
// that would be taken for never.
func term(d *durationpb.Duration) bool {
	return d == nil || d.CheckValid() == nil && d.AsDuration() > 0
}
