package appprotectrpc

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

// envelope signs nothing: it shows what was to be signed.
type envelope struct{ err error }

func (e envelope) SignLease(content []byte) ([]byte, error) { return content, e.err }

func TestSignLease(t *testing.T) {
	l := appprotect.Lease{
		ID: "registration-1", Epoch: 3, Number: 17, IssuedAt: t0, PolicyRevision: revision,
		BlockAfter: 12 * time.Hour, WipeAfter: 90 * 24 * time.Hour, Standing: apprules.StandingWarn,
	}
	want := &appprotectv1.LeaseToSign{
		Format: "ringfence.appprotect.lease.v1", RegistrationId: "registration-1", Epoch: 3, Number: 17,
		IssuedAt: timestamppb.New(t0), PolicyRevision: revision,
		BlockAfter: durationpb.New(12 * time.Hour), WipeAfter: durationpb.New(90 * 24 * time.Hour),
		Standing: appprotectv1.Standing_STANDING_WARN,
	}
	signer := NewLeaseSigner(envelope{})
	signed, err := signer.SignLease(l)
	if err != nil {
		t.Fatal(err)
	}
	got := &appprotectv1.LeaseToSign{}
	if err := proto.Unmarshal(signed, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
	for range 10 {
		if again, err := signer.SignLease(l); err != nil || !bytes.Equal(again, signed) {
			t.Fatalf("the same lease has other bytes, %v", err)
		}
	}
	// What never comes is left out, or an app would take it for at once.
	l.BlockAfter, l.WipeAfter = 0, -1
	if signed, err = signer.SignLease(l); err != nil {
		t.Fatal(err)
	}
	got = &appprotectv1.LeaseToSign{}
	if err := proto.Unmarshal(signed, got); err != nil || got.GetBlockAfter() != nil || got.GetWipeAfter() != nil {
		t.Errorf("a lease without end: %v, %v", got, err)
	}
	broken := errors.New("no key")
	if _, err := NewLeaseSigner(envelope{broken}).SignLease(l); !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
}
