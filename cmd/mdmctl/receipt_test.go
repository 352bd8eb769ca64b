package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/pki"
	"ringfence/internal/receiptfile"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// GetWipeReceipt gives what the test has put in.
func (f *fake) GetWipeReceipt(context.Context, *wipev1.GetWipeReceiptRequest) (*wipev1.GetWipeReceiptResponse, error) {
	return f.receipt, nil
}

// committed gives what a phone has signed for a work-profile order before it
// removes anything, and its key.
func committed(t *testing.T) (*wipev1.GetWipeReceiptResponse, *ecdsa.PrivateKey) {
	t.Helper()
	return committedTo(t, &wipev1.OrderToSign{OrderId: order1, DeviceId: phone, Epoch: 2, Sequence: 1, Scope: workProfile},
		&wipev1.Order{Id: order1, DeviceId: phone, Epoch: 2, Sequence: 1, Scope: workProfile})
}

// committedTo does so for an order as it is signed and shown.
func committedTo(t *testing.T, order proto.Message, shown *wipev1.Order) (*wipev1.GetWipeReceiptResponse, *ecdsa.PrivateKey) {
	t.Helper()
	authority, err := pki.OpenAuthority(t.TempDir(), func() time.Time { return now })
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	chain, _, err := authority.Issue(pki.Device, pki.Template{
		PublicKey: key.Public(), Subject: pkix.Name{CommonName: phone}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	})
	must(t, err)
	content, err := proto.Marshal(order)
	must(t, err)
	signed, err := authority.SignOrder(content)
	must(t, err)
	receiptKey, err := x509.MarshalPKIXPublicKey(key.Public()) // one key for both will do here
	must(t, err)
	m := statementOf(content)
	m.Scope = shown.GetScope()
	m.What = &wipev1.Statement_Commitment{Commitment: &wipev1.Commitment{
		CommittedAt: timestamppb.New(now.Add(-time.Minute)), Files: 12, Keys: 1, ReceiptKey: receiptKey,
	}}
	evidence := signedBy(t, m, key)
	evidence.CertificateChain = [][]byte{chain[0], authority.Issuer(pki.Device).Raw}
	return &wipev1.GetWipeReceiptResponse{
		Order: shown, SignedOrder: signed, Commitment: evidence, Roots: authority.Roots(),
	}, key
}

var workProfile = &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func statementOf(order []byte) *wipev1.Statement {
	digest := sha256.Sum256(order)
	return &wipev1.Statement{
		Format: "ringfence.wipe.statement.v1", OrderId: order1, DeviceId: phone, Epoch: 2, Sequence: 1, Scope: workProfile, OrderSha256: digest[:],
	}
}

func signedBy(t *testing.T, m *wipev1.Statement, key *ecdsa.PrivateKey) *wipev1.Evidence {
	t.Helper()
	content, err := proto.Marshal(m)
	must(t, err)
	digest := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	return &wipev1.Evidence{Content: content, Signature: signature, PublicKey: der}
}

func TestReceipt(t *testing.T) {
	b := serve(t).fill()
	r, key := committed(t)
	b.receipt = r
	out := b.run("get", "wipe", order1, "--receipt")
	if out.code != 0 || !strings.Contains(out.out, "committed, not confirmed: this is no proof") || strings.Contains(out.out, "Removed") {
		t.Errorf("a commitment alone: %+v", out)
	}

	m := &wipev1.Statement{}
	must(t, proto.Unmarshal(r.GetCommitment().GetContent(), m))
	digest := sha256.Sum256(r.GetCommitment().GetContent())
	m.What = &wipev1.Statement_Completion{Completion: &wipev1.Completion{
		Receipt: &wipev1.Receipt{FinishedAt: timestamppb.New(now), FilesRemoved: 12}, CommitmentSha256: digest[:],
	}}
	r.Receipt = signedBy(t, m, key)
	dir := filepath.Join(t.TempDir(), "receipt")
	out = b.run("get", "wipe", order1, "--receipt", "--dir", dir)
	if out.code != 0 || !strings.Contains(out.out, "the order, the commitment, the receipt") || !strings.Contains(out.out, "confirmed") {
		t.Errorf("a receipt: %+v", out)
	}
	if got, err := os.ReadFile(filepath.Join(dir, receiptfile.Receipt)); err != nil || string(got) != string(r.GetReceipt().GetContent()) {
		t.Errorf("the file holds %d octets, error %v", len(got), err)
	}
	for what, line := range map[string]string{
		"a folder that is there": "get wipe " + order1 + " --receipt --dir " + dir,
		"a folder alone":         "get wipe " + order1 + " --dir elsewhere",
		"no order":               "get wipes --receipt",
		"two orders":             "get wipes a b --receipt",
		"another order":          "get wipe order-00000010 --receipt",
	} {
		if out := b.run(strings.Fields(line)...); out.code == 0 {
			t.Errorf("%s: %+v", what, out)
		}
	}
	r.Receipt.Signature[len(r.Receipt.Signature)-1] ^= 1
	if out := b.run("get", "wipe", order1, "--receipt"); out.code == 0 || out.out != "" || !strings.Contains(out.errOut, "the receipt does not verify") {
		t.Errorf("a bad signature: %+v", out)
	}
}

// TestNeverShownAsDone: what was committed and not confirmed says so, whatever
// the state.
func TestNeverShownAsDone(t *testing.T) {
	for _, state := range []wipev1.State{wipev1.State_STATE_ACKNOWLEDGED, wipev1.State_STATE_FAILED, wipev1.State_STATE_EXPIRED} {
		b := serve(t).fill()
		o := b.orders[0]
		o.State, o.Receipt, o.RefusedCount, o.LastRefusal = state, nil, 1, "signature: broken"
		o.Confirmation = wipev1.Confirmation_CONFIRMATION_COMMITTED_NOT_CONFIRMED
		o.Commitment = &wipev1.Commitment{CommittedAt: timestamppb.New(now), Files: 3}
		for _, line := range []string{"get wipes", "describe wipe " + order1, "watch wipe " + order1 + " --until done --interval 10ms --timeout 1s"} {
			out := b.run(strings.Fields(line)...)
			if !strings.Contains(out.out, unconfirmed) || strings.Contains(out.out, "done") {
				t.Errorf("%s, %s: %s", state, line, out.out)
			}
		}
		if out := b.run("describe", "wipe", order1); !strings.Contains(out.out, "1 time: signature: broken") {
			t.Errorf("the refusal is not shown:\n%s", out.out)
		}
	}
}

// TestReceiptOfEverySort: what is shown is what was signed.
func TestReceiptOfEverySort(t *testing.T) {
	whole := func(personal bool) proto.Message {
		return &wipev1.WholeDeviceOrderToSign{
			Format: "ringfence.wipe.whole-device-order.v1", OrderId: order1, DeviceId: phone, Epoch: 2, Sequence: 1, PersonalSide: personal,
		}
	}
	lock := &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}
	relinquish := &wipev1.Scope{Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}}
	lease := &wipev1.Lease{Number: 7, LockAfter: durationpb.New(time.Hour), WipeAfter: durationpb.New(2 * day)}
	for want, tt := range map[string]struct {
		signed proto.Message
		shown  *wipev1.Order
	}{
		"Scope: whole-device with personal side Verified": {whole(true), &wipev1.Order{WholeDevice: &wipev1.WholeDevice{PersonalSide: true}}},
		"Scope: whole-device Verified":                    {whole(false), &wipev1.Order{WholeDevice: &wipev1.WholeDevice{}}},
		"Scope: lock Verified": {
			&wipev1.OrderToSign{OrderId: order1, DeviceId: phone, Epoch: 2, Sequence: 1, Scope: lock}, &wipev1.Order{Scope: lock},
		},
		"Scope: relinquish Verified": {
			&wipev1.OrderToSign{OrderId: order1, DeviceId: phone, Epoch: 2, Sequence: 1, Scope: relinquish}, &wipev1.Order{Scope: relinquish},
		},
		"Scope: work-profile Lease: number 7: by itself, after 2d out of contact Verified": {
			&wipev1.OrderToSign{OrderId: order1, DeviceId: phone, Epoch: 2, Sequence: 1, Scope: workProfile, Lease: lease},
			&wipev1.Order{Scope: workProfile, Lease: lease},
		},
	} {
		b := serve(t).fill()
		tt.shown.Id, tt.shown.DeviceId, tt.shown.Epoch, tt.shown.Sequence = order1, phone, 2, 1
		r, key := committedTo(t, tt.signed, tt.shown)
		if tt.shown.GetScope().GetLock() != nil { // confirmed at once, by the device key
			m := &wipev1.Statement{}
			must(t, proto.Unmarshal(r.GetCommitment().GetContent(), m))
			m.What = &wipev1.Statement_Completion{Completion: &wipev1.Completion{Receipt: &wipev1.Receipt{FinishedAt: timestamppb.New(now)}}}
			receipt := signedBy(t, m, key)
			receipt.CertificateChain = r.GetCommitment().GetCertificateChain()
			r.Receipt, r.Commitment = receipt, nil
		}
		b.receipt = r
		dir := filepath.Join(t.TempDir(), "receipt")
		if out := b.run("get", "wipe", order1, "--receipt", "--dir", dir); out.code != 0 || !strings.Contains(strings.Join(strings.Fields(out.out), " "), want) {
			t.Errorf("want %q: %+v", want, out)
		}
		if _, err := os.Stat(filepath.Join(dir, receiptfile.Readme)); err != nil {
			t.Error(err)
		}
	}
}
