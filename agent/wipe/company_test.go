package wipe

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// fakeCompany is a phone in memory as its company's own.
type fakeCompany struct {
	*fakeDevice
	personal bool
}

func (c *fakeCompany) HasPersonalSide() bool { return c.personal }
func (c *fakeCompany) ResetSteps() ([]string, error) {
	return []string{"keys", "files", "personal-side"}, nil
}

func newCompanyBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.device.enrollment.Company = &fakeCompany{fakeDevice: b.device, personal: true}
	b.device.there["personal-side"] = true
	return b
}

// whole is a good order for the whole device.
func (b *bench) whole() *wipev1.WholeDeviceOrderToSign {
	return &wipev1.WholeDeviceOrderToSign{
		Format: wholeDeviceFormat, OrderId: "order-0001", DeviceId: thisPhone, Epoch: 3, Sequence: 7, PersonalSide: true,
		IssuedAt: timestamppb.New(b.now), NotAfter: timestamppb.New(b.now.Add(time.Hour)),
	}
}

func (b *bench) signed(t *testing.T, m proto.Message) []byte {
	t.Helper()
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := b.authority.SignOrder(raw)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (b *bench) signWhole(t *testing.T, m *wipev1.WholeDeviceOrderToSign) *wipev1.SignedWholeDeviceOrder {
	t.Helper()
	return &wipev1.SignedWholeDeviceOrder{OrderId: m.GetOrderId(), SignedData: b.signed(t, m)}
}

// TestWholeDevice: two words, everything goes, and the enrolment with it.
func TestWholeDevice(t *testing.T) {
	b := newCompanyBench(t)
	m := b.whole()
	r, err := b.Execute(t.Context(), b.server, Fetched{WholeDevice: []*wipev1.SignedWholeDeviceOrder{b.signWhole(t, m)}})
	if err != nil || !r.Ended || b.device.destroyed == 0 {
		t.Fatalf("Execute: %+v, %v; identity destroyed %d times", r, err, b.device.destroyed)
	}
	if diff := cmp.Diff([]string{"keys", "files", "personal-side"}, b.device.removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"acknowledged", "done"}, b.server.said); diff != "" {
		t.Fatalf("said (-want +got):\n%s", diff)
	}
	commitment, receipt := parse(t, b.server.sent[0].GetStatement()), parse(t, b.server.sent[1].GetStatement())
	raw, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	digest := sha256.Sum256(raw)
	for _, s := range []*wipev1.Statement{commitment, receipt} {
		if s.GetScope() != nil || !slices.Equal(s.GetOrderSha256(), digest[:]) || s.GetSequence() != 7 {
			t.Errorf("the statement is about %v", s)
		}
	}
	if commitment.GetCommitment().GetFiles() != 3 || receipt.GetCompletion().GetReceipt().GetFilesRemoved() != 3 {
		t.Errorf("committed to %v, removed %v", commitment, receipt)
	}
}

// TestWholeDeviceNotGood: what is no good order for the whole device of this
// phone removes nothing, and the phone says why.
func TestWholeDeviceNotGood(t *testing.T) {
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 1)
	for name, c := range map[string]struct {
		edit func(*wipev1.WholeDeviceOrderToSign, *bench)
		want string
	}{
		"another format": {func(m *wipev1.WholeDeviceOrderToSign, _ *bench) { m.Format += "2" }, "refused: SIGNATURE"},
		"no format":      {func(m *wipev1.WholeDeviceOrderToSign, _ *bench) { m.Format = "" }, "refused: SIGNATURE"},
		"another phone":  {func(m *wipev1.WholeDeviceOrderToSign, _ *bench) { m.DeviceId = "another-phone" }, "refused: DEVICE"},
		"another epoch":  {func(m *wipev1.WholeDeviceOrderToSign, _ *bench) { m.Epoch = 2 }, "refused: EPOCH"},
		"expired": {func(m *wipev1.WholeDeviceOrderToSign, b *bench) {
			m.NotAfter = timestamppb.New(b.now.Add(-time.Second))
		}, "refused: TIME"},
		"without an end":      {func(m *wipev1.WholeDeviceOrderToSign, _ *bench) { m.NotAfter = nil }, "refused: TIME"},
		"acted on":            {func(m *wipev1.WholeDeviceOrderToSign, b *bench) { b.device.journal.Acted = Acted{thisPhone, 7} }, "refused: SEQUENCE"},
		"unknown field":       {func(m *wipev1.WholeDeviceOrderToSign, _ *bench) { m.ProtoReflect().SetUnknown(unknown) }, "failed: order cannot be carried out: it asks"},
		"personal side":       {func(m *wipev1.WholeDeviceOrderToSign, _ *bench) { m.PersonalSide = false }, "failed: order cannot be carried out: this phone has a personal side"},
		"another id outside":  {nil, "refused: IDENTITY"},
		"an order of another": {nil, "refused: SIGNATURE"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newCompanyBench(t)
			m := b.whole()
			if c.edit != nil {
				c.edit(m, b)
			}
			signed := b.signWhole(t, m)
			switch name {
			case "another id outside":
				signed.OrderId = "order-0002"
			case "an order of another":
				signed.SignedData = b.sign(t, b.content()).GetSignedData()
			}
			journal := b.device.journal
			r, err := b.Execute(t.Context(), b.server, Fetched{WholeDevice: []*wipev1.SignedWholeDeviceOrder{signed}})
			if err != nil || r != (Result{}) {
				t.Errorf("Execute: %+v, %v", r, err)
			}
			b.assertUntouched(t)
			if len(b.server.said) != 1 || !strings.HasPrefix(b.server.said[0], c.want) {
				t.Errorf("said %q, want %q", b.server.said, c.want)
			}
			if strings.HasPrefix(c.want, "refused") {
				if diff := cmp.Diff(journal, b.device.journal); diff != "" {
					t.Errorf("journal (-want +got):\n%s", diff)
				}
			}
		})
	}
	t.Run("no personal side to lose", func(t *testing.T) {
		b := newCompanyBench(t)
		b.device.enrollment.Company = &fakeCompany{fakeDevice: b.device}
		m := b.whole()
		m.PersonalSide = false
		if r, err := b.Execute(t.Context(), b.server, Fetched{WholeDevice: []*wipev1.SignedWholeDeviceOrder{b.signWhole(t, m)}}); err != nil || !r.Ended {
			t.Errorf("Execute: %+v, %v", r, err)
		}
	})
}

// TestPersonalPhoneHasNoReset: a personal phone that is handed a good order for
// its whole device, signed by the right signer, by every way that leads into it,
// does nothing and refuses.
func TestPersonalPhoneHasNoReset(t *testing.T) {
	for name, c := range map[string]struct {
		hand func(t *testing.T, b *bench) error
		want string
	}{
		"as what it is": {func(t *testing.T, b *bench) error {
			_, err := b.Execute(t.Context(), b.server, Fetched{WholeDevice: []*wipev1.SignedWholeDeviceOrder{b.signWhole(t, b.whole())}})
			return err
		}, "refused: IDENTITY"},
		"as another order": {func(t *testing.T, b *bench) error {
			_, err := b.Execute(t.Context(), b.server, given(&wipev1.SignedOrder{OrderId: "order-0001", SignedData: b.signed(t, b.whole())}))
			return err
		}, "refused: IDENTITY"},
		"as the order of a lease": {func(t *testing.T, b *bench) error {
			if _, err := b.CheckLease(t.Context(), b.server, &wipev1.SignedOrder{OrderId: "order-0001", SignedData: b.signed(t, b.whole())}, 1); err == nil {
				return fmt.Errorf("it was kept as the order of a lease")
			}
			return nil
		}, "refused: IDENTITY"},
		"as a lease that is kept": {func(t *testing.T, b *bench) error {
			if err := b.CarryOut(t.Context(), Lease{Number: 1, OrderID: "order-0001", SignedData: b.signed(t, b.whole()), VerifiedAt: b.now, WipeAfter: 1}); err == nil {
				return fmt.Errorf("it was carried out")
			}
			return nil
		}, ""},
		"in the journal": {func(t *testing.T, b *bench) error {
			b.device.journal.Current = &Entry{
				OrderID: "order-0001", DeviceID: thisPhone, Epoch: 3, Sequence: 7, Scope: Scope{Kind: WholeDevice}, Phase: Acknowledged,
				Steps: []Step{{Name: "keys"}, {Name: "personal-side"}},
			}
			return b.Recover(t.Context())
		}, ""},
		"in the journal, at the end": {func(t *testing.T, b *bench) error {
			b.device.journal.Current = &Entry{
				OrderID: "order-0001", DeviceID: thisPhone, Epoch: 3, Sequence: 7, Scope: Scope{Kind: WholeDevice}, Phase: Acknowledged,
			}
			return b.EnrollmentEnded(t.Context())
		}, ""},
		"as a scope": {func(t *testing.T, b *bench) error {
			if _, _, err := b.taker(Scope{Kind: WholeDevice}); err == nil {
				return fmt.Errorf("there are steps")
			}
			return nil
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.device.there["personal-side"] = true
			if err := c.hand(t, b); err != nil {
				t.Error(err)
			}
			b.assertUntouched(t)
			if c.want != "" && !slices.Equal(b.server.said, []string{c.want}) || c.want == "" && len(b.server.said) > 0 {
				t.Errorf("said %q, want %q", b.server.said, c.want)
			}
			if j := b.device.journal; j.Current != nil || j.Acted.Sequence > 0 {
				t.Errorf("journal: %+v", j)
			}
		})
	}
}

// TestWholeDeviceByNumber: orders of both kinds are taken by their number.
func TestWholeDeviceByNumber(t *testing.T) {
	b := newCompanyBench(t)
	m := b.whole()
	m.OrderId, m.Sequence = "order-0002", 2
	all := Fetched{
		Orders:      []*wipev1.SignedOrder{b.app(t, 3), b.app(t, 1)},
		WholeDevice: []*wipev1.SignedWholeDeviceOrder{b.signWhole(t, m)},
	}
	r, err := b.Execute(t.Context(), b.server, all)
	if err != nil || !r.Ended {
		t.Fatalf("Execute: %+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{"com.app1", "keys", "files", "personal-side"}, b.device.removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}
