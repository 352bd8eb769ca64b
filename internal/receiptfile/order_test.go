package receiptfile

import (
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/wipe"
	"ringfence/internal/wipe/wiperpc"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// sort is one sort of order: as the server has it, as it is shown, and what the
// README says of it.
type sort struct {
	order wipe.Order
	shown *wipev1.Order
	words string
}

func wholeOf(t *testing.T, m device.Mode) wipe.Scope {
	t.Helper()
	s, ok := wipe.OfWholeDevice(device.Company, m)
	if !ok {
		t.Fatalf("a company's device in mode %s has no such scope", m)
	}
	return s
}

func sorts(t *testing.T) map[string]sort {
	t.Helper()
	apps, err := wipe.OfAppData([]string{"com.example.mail"})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]sort{
		"app data":     {wipe.Order{Scope: apps}, &wipev1.Order{Scope: mail}, `"com.example.mail"`},
		"work profile": {wipe.Order{Scope: wipe.OfWorkProfile()}, &wipev1.Order{Scope: profile}, "remove the work profile."},
		"lock": {
			wipe.Order{Scope: wipe.OfLock()},
			&wipev1.Order{Scope: &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}}, "lock the work side; nothing is removed",
		},
		"relinquish": {
			wipe.Order{Scope: wipe.OfRelinquish()},
			&wipev1.Order{Scope: &wipev1.Scope{Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}}}, "give the device up to the person",
		},
		"whole device": {
			wipe.Order{Scope: wholeOf(t, device.FullyManaged)},
			&wipev1.Order{WholeDevice: &wipev1.WholeDevice{}}, "left the factory.",
		},
		"whole device with a personal side": {
			wipe.Order{Scope: wholeOf(t, device.WorkProfile)},
			&wipev1.Order{WholeDevice: &wipev1.WholeDevice{PersonalSide: true}}, "its personal side included",
		},
		"lease": {
			wipe.Order{Scope: wipe.OfWorkProfile(), Lease: &wipe.Lease{Number: 7, Lock: time.Hour, Wipe: 48 * time.Hour}},
			&wipev1.Order{Scope: profile, Lease: &wipev1.Lease{
				Number: 7, LockAfter: durationpb.New(time.Hour), WipeAfter: durationpb.New(48 * time.Hour),
			}}, "in advance, with lease 7: to be carried out by itself once it was\nout of contact for 48h0m0s",
		},
	}
}

// carriedOut gives the evidence of an order that is done, signed as the server
// signs it.
func (o *office) carriedOut(s sort) *wipev1.GetWipeReceiptResponse {
	o.t.Helper()
	order := s.order
	order.ID, order.Device, order.Epoch, order.Sequence = "order-0001", "device-0001", 3, 4
	order.CreatedAt, order.NotAfter = o.now.Add(-time.Hour), o.now.Add(time.Hour)
	signer := wiperpc.NewSigner(o.authority)
	signed, err := signer.Sign(order)
	if err != nil {
		o.t.Fatal(err)
	}
	digest, err := signer.Digest(order)
	if err != nil {
		o.t.Fatal(err)
	}
	shown := proto.CloneOf(s.shown)
	shown.Id, shown.DeviceId, shown.Epoch, shown.Sequence, shown.Reason = "order-0001", "device-0001", 3, 4, "lost"
	r := &wipev1.GetWipeReceiptResponse{Order: shown, SignedOrder: signed, Roots: o.authority.Roots()}
	about := func() *wipev1.Statement {
		return &wipev1.Statement{
			Format: statementFormat, OrderId: "order-0001", DeviceId: "device-0001", Epoch: 3, Sequence: 4,
			Scope: shown.GetScope(), OrderSha256: digest[:],
		}
	}
	done := &wipev1.Completion{Receipt: &wipev1.Receipt{FinishedAt: timestamppb.New(o.now), FilesRemoved: 4}}
	m, key, chain := about(), o.device, o.chain
	if endsEnrolment(shown) {
		c := about()
		c.What = &wipev1.Statement_Commitment{Commitment: &wipev1.Commitment{CommittedAt: timestamppb.New(o.now), ReceiptKey: o.public(o.receipt)}}
		r.Commitment = o.sign(c, o.device, o.chain)
		committed := sha256.Sum256(r.GetCommitment().GetContent())
		done.CommitmentSha256, key, chain = committed[:], o.receipt, nil
	}
	m.What = &wipev1.Statement_Completion{Completion: done}
	r.Receipt = o.sign(m, key, chain)
	return r
}

// TestEverySort: each sort of order verifies, says what it is, and can be
// verified with openssl alone, which sees every change.
func TestEverySort(t *testing.T) {
	o := newOffice(t)
	for name, s := range sorts(t) {
		t.Run(name, func(t *testing.T) {
			b, err := New(o.carriedOut(s), o.now)
			if err != nil {
				t.Fatal(err)
			}
			want := proto.CloneOf(s.shown)
			want.Id, want.DeviceId, want.Epoch, want.Sequence = "order-0001", "device-0001", 3, 4
			want.CreatedAt, want.ExpiresAt = timestamppb.New(o.now.Add(-time.Hour)), timestamppb.New(o.now.Add(time.Hour))
			if !proto.Equal(want, b.Order) {
				t.Errorf("the order is %v, want %v", b.Order, want)
			}
			if b.Receipt == nil || (b.Commitment != nil) != endsEnrolment(s.shown) {
				t.Errorf("commitment %v, receipt %v", b.Commitment, b.Receipt)
			}
			readme := b.Files[Readme]
			if !strings.Contains(string(readme), s.words) || !strings.Contains(string(readme), "\nCONFIRMED") {
				t.Errorf("README without %q:\n%s", s.words, readme)
			}
			needOpenSSL(t)
			if failed, out := follow(t, unpack(t, b.Files), readme); failed != "" {
				t.Fatalf("%s\n%s\n%s", failed, out, readme)
			}
			for _, file := range []string{Order, Receipt} {
				dir, changed := unpack(t, b.Files), slices.Clone(b.Files[file])
				changed[len(changed)*2/3] ^= 1
				if err := os.WriteFile(filepath.Join(dir, file), changed, 0o600); err != nil {
					t.Fatal(err)
				}
				if failed, _ := follow(t, dir, readme); failed == "" {
					t.Errorf("a changed %s verifies", file)
				}
			}
		})
	}
}

// TestNoSortIsAnother: what is shown, signed or said of one sort of order is
// never taken for another's.
func TestNoSortIsAnother(t *testing.T) {
	o := newOffice(t)
	all := sorts(t)
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		for _, other := range names {
			if name == other {
				continue
			}
			foreign := o.carriedOut(all[other])
			for what, spoil := range map[string]func(r *wipev1.GetWipeReceiptResponse){
				"shown":     func(r *wipev1.GetWipeReceiptResponse) { r.Order = foreign.Order },
				"signed":    func(r *wipev1.GetWipeReceiptResponse) { r.SignedOrder = foreign.SignedOrder },
				"confirmed": func(r *wipev1.GetWipeReceiptResponse) { r.Commitment, r.Receipt = foreign.Commitment, foreign.Receipt },
			} {
				r := o.carriedOut(all[name])
				spoil(r)
				if _, err := New(r, o.now); err == nil {
					t.Errorf("%s, %s as %s: verified", name, what, other)
				}
			}
		}
	}
}

// TestStatementsOfOthers: a statement that names the order by its digest, and
// says that it is about something else, is about neither.
func TestStatementsOfOthers(t *testing.T) {
	o := newOffice(t)
	for what, change := range map[string]func(m *wipev1.Statement){
		"format":       func(m *wipev1.Statement) { m.Format = "ringfence.wipe.statement.v2" },
		"order":        func(m *wipev1.Statement) { m.OrderId = "order-0002" },
		"device":       func(m *wipev1.Statement) { m.DeviceId = "device-0002" },
		"epoch":        func(m *wipev1.Statement) { m.Epoch++ },
		"sequence":     func(m *wipev1.Statement) { m.Sequence++ },
		"scope":        func(m *wipev1.Statement) { m.Scope = profile },
		"no scope":     func(m *wipev1.Statement) { m.Scope = nil },
		"order digest": func(m *wipev1.Statement) { m.OrderSha256[0] ^= 1 },
	} {
		r, m := o.apps(), &wipev1.Statement{}
		if err := proto.Unmarshal(r.GetReceipt().GetContent(), m); err != nil {
			t.Fatal(err)
		}
		change(m)
		r.Receipt = o.sign(m, o.device, o.chain)
		if _, err := New(r, o.now); err == nil {
			t.Errorf("another %s: verified", what)
		}
	}
	// A receipt by the device key, for what must be committed to first.
	r, m := o.order(profile)
	m.What = &wipev1.Statement_Completion{Completion: &wipev1.Completion{Receipt: &wipev1.Receipt{FinishedAt: timestamppb.New(o.now)}}}
	r.Receipt = o.sign(m, o.device, o.chain)
	if _, err := New(r, o.now); err == nil {
		t.Error("a work profile without a commitment: verified")
	}
}

// TestUnknownParts: what is signed and not understood may mean anything.
func TestUnknownParts(t *testing.T) {
	o := newOffice(t)
	for name, m := range map[string]proto.Message{
		"order":        &wipev1.OrderToSign{OrderId: "order-0001", DeviceId: "device-0001", Epoch: 3, Sequence: 4, Scope: mail},
		"nothing":      &wipev1.OrderToSign{OrderId: "order-0001", DeviceId: "device-0001", Epoch: 3, Sequence: 4},
		"other format": &wipev1.WholeDeviceOrderToSign{Format: "x", OrderId: "order-0001", DeviceId: "device-0001", Epoch: 3, Sequence: 4},
	} {
		content := o.encode(m)
		if name == "order" {
			if _, err := readOrder(content, false); err != nil {
				t.Error(err)
			}
			content = append(content, 0x92, 0x07, 0x00) // field 114
		}
		if got, err := readOrder(content, name == "other format"); err == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
}
