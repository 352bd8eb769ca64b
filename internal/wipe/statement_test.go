package wipe

import (
	"context"
	"crypto/elliptic"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
	"ringfence/internal/wipe/wipetest"
)

// invalidField gives the field that an error finds wrong; "" for another error.
func invalidField(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 {
		return ""
	}
	return f.Fields[0].Name
}

// resign signs a statement anew with the key that must sign it.
func resign(s *Statement, k wipetest.Key) { s.Proof.Signature = k.Sign(s.Proof.Content) }

// spoilt is what makes any statement one that does not hold for the order.
var spoilt = map[string]func(*Statement){
	"another order":     func(s *Statement) { s.Order = "order-two" },
	"another device":    func(s *Statement) { s.Device = "device-two" },
	"another epoch":     func(s *Statement) { s.Epoch++ },
	"another sequence":  func(s *Statement) { s.Sequence++ },
	"another scope":     func(s *Statement) { s.Scope = Scope{kind: AppData, packages: []string{"com.other"}} },
	"no signature":      func(s *Statement) { s.Proof.Signature = nil },
	"another signature": func(s *Statement) { resign(s, wipetest.NewKey()) },
	"another content":   func(s *Statement) { s.Proof.Content = append(s.Proof.Content, '!') },
	"a longer signature": func(s *Statement) {
		s.Proof.Signature = append(s.Proof.Signature, 0)
	},
}

func TestCommitmentMustHold(t *testing.T) {
	tests := map[string]func(*Statement){
		"a receipt": func(s *Statement) {
			s.Receipt, s.Commitment = &Receipt{FinishedAt: monday}, nil
		},
		"no certificate":     func(s *Statement) { s.Proof.Chain = nil },
		"another's":          func(s *Statement) { s.Proof.Chain = wipetest.NewPhone().Chain },
		"a certificate?":     func(s *Statement) { s.Proof.Chain = [][]byte{{1}} },
		"by the receipt key": func(s *Statement) { resign(s, oneTime) },
		"no time":            func(s *Statement) { s.Commitment.At = s.Commitment.At.AddDate(-3000, 0, 0) },
		"a path":             func(s *Statement) { s.Commitment.Packages = []string{"../../0"} },
		"many apps":          func(s *Statement) { s.Commitment.Packages = make([]string, MaxReceiptPackages+1) },
		"uncountable files":  func(s *Statement) { s.Commitment.Files = math.MaxUint64 },
		"uncountable bytes":  func(s *Statement) { s.Commitment.Bytes = 1 << 63 },
		"uncountable keys":   func(s *Statement) { s.Commitment.Keys = 1 << 63 },
		"uncountable certs":  func(s *Statement) { s.Commitment.Certificates = 1 << 63 },
		"no key":             func(s *Statement) { s.Commitment.Key = nil },
		"more than a key":    func(s *Statement) { s.Commitment.Key = append(s.Commitment.Key, 0) },
		"a key on P-384":     func(s *Statement) { s.Commitment.Key = wipetest.NewKeyOn(elliptic.P384()).Public() },
	}
	for name, spoil := range spoilt {
		tests[name] = spoil
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			o := orderIn(Delivered, OfWorkProfile())
			e := promise(o)
			spoil(e.Statement)
			refusedAs(t, o, e)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		refusedAs(t, orderIn(Delivered, OfWorkProfile()), Event{Kind: Acknowledge})
	})
	t.Run("for app data", func(t *testing.T) {
		apps := orderIn(Delivered, apps(t, "com.example.mail"))
		e := promise(orderIn(Delivered, OfWorkProfile()))
		e.Statement.Scope = apps.Scope
		refusedAs(t, apps, e)
	})
}

// refusedAs sees that an event is invalid and leaves the order as it is.
func refusedAs(t *testing.T, o Order, e Event) {
	t.Helper()
	got, err := o.Apply(e, monday)
	if invalidField(err) == "" {
		t.Errorf("got error %v, want an invalid one", err)
	}
	if diff := cmp.Diff(o, got); diff != "" {
		t.Errorf("the order changed (-want +got):\n%s", diff)
	}
}

func TestReceiptMustBeSigned(t *testing.T) {
	for name, scope := range map[string]Scope{"work profile": OfWorkProfile(), "app data": apps(t, "com.example.mail")} {
		tests := map[string]func(*Statement){
			"a commitment": func(s *Statement) {
				s.Commitment, s.Receipt = &Commitment{At: monday, Key: oneTime.Public()}, nil
			},
			"another commitment": func(s *Statement) { s.CommitmentDigest = DigestOf([]byte("another")) },
		}
		if scope.EndsEnrollment() {
			tests["no commitment"] = func(s *Statement) { s.CommitmentDigest = Digest{} }
			tests["by the device key"] = func(s *Statement) {
				s.Proof.Chain = handset.Chain
				resign(s, handset.Key)
			}
			tests["by the device key, unnamed"] = func(s *Statement) { resign(s, handset.Key) }
		} else {
			tests["by the receipt key"] = func(s *Statement) { resign(s, oneTime) }
			tests["no certificate"] = func(s *Statement) { s.Proof.Chain = nil }
		}
		for what, spoil := range spoilt {
			tests[what] = spoil
		}
		for what, spoil := range tests {
			t.Run(name+"/"+what, func(t *testing.T) {
				o := orderIn(Acknowledged, scope)
				e := receipted(o, Receipt{FinishedAt: monday})
				spoil(e.Statement)
				refusedAs(t, o, e)
			})
		}
		t.Run(name+"/nothing", func(t *testing.T) {
			refusedAs(t, orderIn(Acknowledged, scope), Event{Kind: Finish})
		})
	}
}

// TestFirstCommitmentHolds: the same promise again is the same promise, another
// one is refused, and so is none.
func TestFirstCommitmentHolds(t *testing.T) {
	o := orderIn(Acknowledged, OfWorkProfile())
	same := promise(o)
	resign(same.Statement, wipetest.NewKey()) // ECDSA signs anew each time, and the device may have renewed its key
	if got, err := o.Apply(same, tooLate); err != nil || cmp.Diff(o, got) != "" {
		t.Errorf("the same commitment: %s, error %v", cmp.Diff(o, got), err)
	}
	other := promise(o)
	other.Statement.Proof.Content = []byte("another commitment")
	resign(other.Statement, handset.Key)
	for name, e := range map[string]Event{"another": other, "none": {Kind: Acknowledge}} {
		if got, err := o.Apply(e, monday); !errors.Is(err, ErrCommitted) || cmp.Diff(o, got) != "" {
			t.Errorf("%s: got error %v, want %v", name, err, ErrCommitted)
		}
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	for _, s := range States() {
		o := orderIn(s, OfWorkProfile())
		version := o.Version
		for i := range 2 * MaxRefusals {
			var err error
			if o, err = o.Apply(Event{Kind: Refuse, Reason: "signature"}, tooLate); err != nil {
				t.Fatal(err)
			}
			if n := min(i+1, MaxRefusals); o.Refusals != uint32(n) || o.Version != version+uint64(n) || o.State != s {
				t.Fatalf("%s: %d refusals, version %d after %d more; state %s", s, o.Refusals, o.Version-version, i+1, o.State)
			}
		}
	}
}

// TestConfirmation: nothing but a receipt is success, in any state.
func TestConfirmation(t *testing.T) {
	committed := orderIn(Acknowledged, OfWorkProfile())
	for _, k := range []EventKind{Fail, End} {
		o, err := committed.Apply(eventOf(committed, k), monday)
		if err != nil || o.Confirmation() != Committed {
			t.Errorf("after %s: %q, error %v; want %q", k, o.Confirmation(), err, Committed)
		}
	}
	for _, s := range States() {
		want := Unsigned
		switch s {
		case Acknowledged:
			want = Committed
		case Done:
			want = Confirmed
		}
		if got := orderIn(s, OfWorkProfile()).Confirmation(); got != want {
			t.Errorf("work profile %s: %q, want %q", s, got, want)
		}
		if s == Acknowledged {
			want = Unsigned
		}
		if got := orderIn(s, apps(t, "com.example.mail")).Confirmation(); got != want {
			t.Errorf("app data %s: %q, want %q", s, got, want)
		}
	}
}

// TestStatementNamesTheSignedOrder: what the device verified is what the order
// signer signs, or its word counts for nothing.
func TestStatementNamesTheSignedOrder(t *testing.T) {
	w := newWorld()
	o := w.order(t, OfWorkProfile())
	ctx, c := phone(t)
	e := promise(o)
	e.Statement.OrderDigest[0] ^= 1
	if _, err := w.Report(ctx, c, o.ID, e); invalidField(err) != "statement" {
		t.Errorf("got error %v, want an invalid statement", err)
	}
	w.signFail = errBroken
	if _, err := w.Report(ctx, c, o.ID, promise(o)); !errors.Is(err, errBroken) {
		t.Errorf("got error %v, want %v", err, errBroken)
	}
}

// TestRefuseReachesOlderEpochs: a device that is given an order of an older
// epoch says so; another device knows of no such order.
func TestRefuseReachesOlderEpochs(t *testing.T) {
	w := newWorld()
	o := w.order(t, OfWorkProfile())
	ctx, c := phone(t)
	later, other := c, c
	later.Epoch++
	other.Device = "device-two"
	got, err := w.Report(ctx, later, o.ID, Event{Kind: Refuse, Reason: "epoch"})
	if err != nil || got.Refusals != 1 || got.State != Pending {
		t.Errorf("a later epoch: %d refusals, %s, error %v", got.Refusals, got.State, err)
	}
	for _, stranger := range []Event{{Kind: Acknowledge}, {Kind: Fail}} {
		if _, err := w.Report(ctx, later, o.ID, stranger); !errors.Is(err, ErrUnknown) {
			t.Errorf("a later epoch says %s: error %v", stranger.Kind, err)
		}
	}
	if _, err := w.Report(ctx, other, o.ID, Event{Kind: Refuse}); !errors.Is(err, ErrUnknown) {
		t.Errorf("another device: got error %v, want %v", err, ErrUnknown)
	}
}

func TestEvidence(t *testing.T) {
	w := newWorld()
	ctx := alice(t)
	if _, err := w.Evidence(ctx, "order-none"); !errors.Is(err, ErrUnknown) {
		t.Errorf("no order: got error %v", err)
	}
	mail, all := w.order(t, apps(t, "com.example.mail")), w.order(t, OfWorkProfile())
	w.say(t, mail.ID, Deliver, Acknowledge)
	for _, id := range []ID{mail.ID, all.ID} {
		if _, err := w.Evidence(ctx, id); !errors.Is(err, ErrNotSignedFor) {
			t.Errorf("nothing signed for %s: got error %v, want %v", id, err, ErrNotSignedFor)
		}
	}
	w.say(t, mail.ID, Finish)
	w.say(t, all.ID, Acknowledge)
	w.shows(ctx, t, mail.ID, false, true)
	w.shows(ctx, t, all.ID, true, false)
	w.say(t, all.ID, Finish)
	w.shows(ctx, t, all.ID, true, true)

	kept := w.store.proofs[all.ID]
	for name, spoil := range map[string]func(*Proofs){
		"commitment's content":   func(p *Proofs) { p.Commitment.Content = []byte("other") },
		"commitment's signature": func(p *Proofs) { p.Commitment.Signature = handset.Sign([]byte("other")) },
		"receipt's content":      func(p *Proofs) { p.Receipt.Content = []byte("other") },
		"receipt's signature":    func(p *Proofs) { p.Receipt.Signature = oneTime.Sign([]byte("other")) },
		"commitment gone":        func(p *Proofs) { p.Commitment = nil },
		"receipt gone":           func(p *Proofs) { p.Receipt = nil },
	} {
		c, r := *kept.Commitment, *kept.Receipt
		spoiled := Proofs{Commitment: &c, Receipt: &r}
		spoil(&spoiled)
		w.store.proofs[all.ID] = spoiled
		if _, err := w.Evidence(ctx, all.ID); err == nil || fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: got error %v, want an internal one", name, err)
		}
	}
}

// shows sees that evidence is there, and which.
func (w *world) shows(ctx context.Context, t *testing.T, id ID, commitment, receipt bool) {
	t.Helper()
	got, err := w.Evidence(ctx, id)
	if err != nil || (got.Proofs.Commitment != nil) != commitment || (got.Proofs.Receipt != nil) != receipt || len(got.Signed) == 0 {
		t.Fatalf("%s: got %+v, error %v", id, got.Proofs, err)
	}
	for _, p := range []*Proof{got.Proofs.Commitment, got.Proofs.Receipt} {
		if p == nil {
			continue
		}
		want := handset.Public()
		if len(p.Chain) == 0 {
			want = oneTime.Public()
		}
		if key, err := p.PublicKey(got.Order.Commitment); err != nil || !slices.Equal(key, want) {
			t.Errorf("%s: the key is %x, error %v", id, key, err)
		}
	}
}
