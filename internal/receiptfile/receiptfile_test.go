package receiptfile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/pki"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// office is an installation with one phone.
type office struct {
	t         *testing.T
	authority *pki.Authority
	device    *ecdsa.PrivateKey
	chain     [][]byte
	receipt   *ecdsa.PrivateKey
	now       time.Time
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, now: time.Now(), device: newKey(t), receipt: newKey(t)}
	var err error
	if o.authority, err = pki.OpenAuthority(t.TempDir(), func() time.Time { return o.now }); err != nil {
		t.Fatal(err)
	}
	chain, _, err := o.authority.Issue(pki.Device, pki.Template{
		PublicKey: o.device.Public(), Subject: pkix.Name{CommonName: "device"},
		NotBefore: o.now.Add(-time.Hour), NotAfter: o.now.Add(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.chain = [][]byte{chain[0], o.authority.Issuer(pki.Device).Raw}
	return o
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var (
	profile = &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}
	mail    = &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: []string{"com.example.mail"}}}}
)

// order gives an order as shown and as signed, and the beginning of a statement
// about it.
func (o *office) order(scope *wipev1.Scope) (*wipev1.GetWipeReceiptResponse, *wipev1.Statement) {
	content := o.encode(&wipev1.OrderToSign{OrderId: "order-0001", DeviceId: "device-0001", Epoch: 3, Sequence: 4, Scope: scope})
	signed, err := o.authority.SignOrder(content)
	if err != nil {
		o.t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	shown := &wipev1.Order{Id: "order-0001", DeviceId: "device-0001", Epoch: 3, Sequence: 4, Scope: scope}
	return &wipev1.GetWipeReceiptResponse{Order: shown, SignedOrder: signed, Roots: o.authority.Roots()}, &wipev1.Statement{
		Format: "ringfence.wipe.statement.v1", OrderId: "order-0001", DeviceId: "device-0001", Epoch: 3, Sequence: 4,
		Scope: scope, OrderSha256: digest[:],
	}
}

func (o *office) encode(m proto.Message) []byte {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		o.t.Fatal(err)
	}
	return content
}

func (o *office) public(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		o.t.Fatal(err)
	}
	return der
}

func (o *office) sign(m *wipev1.Statement, key *ecdsa.PrivateKey, chain [][]byte) *wipev1.Evidence {
	content := o.encode(m)
	digest := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		o.t.Fatal(err)
	}
	return &wipev1.Evidence{Content: content, Signature: signature, PublicKey: o.public(key), CertificateChain: chain}
}

// commitment gives the evidence of a work-profile order that was promised.
func (o *office) commitment() *wipev1.GetWipeReceiptResponse {
	r, m := o.order(profile)
	m.What = &wipev1.Statement_Commitment{Commitment: &wipev1.Commitment{
		CommittedAt: timestamppb.New(o.now), Packages: []string{"com.example.mail"}, Files: 4, ReceiptKey: o.public(o.receipt),
	}}
	r.Commitment = o.sign(m, o.device, o.chain)
	return r
}

// confirmed gives the evidence of a work-profile order that is done.
func (o *office) confirmed() *wipev1.GetWipeReceiptResponse {
	r := o.commitment()
	_, m := o.order(profile)
	digest := sha256.Sum256(r.GetCommitment().GetContent())
	m.What = &wipev1.Statement_Completion{Completion: &wipev1.Completion{
		Receipt: &wipev1.Receipt{FinishedAt: timestamppb.New(o.now), FilesRemoved: 4}, CommitmentSha256: digest[:],
	}}
	r.Receipt = o.sign(m, o.receipt, nil)
	return r
}

// apps gives the evidence of an app-data order that is done.
func (o *office) apps() *wipev1.GetWipeReceiptResponse {
	r, m := o.order(mail)
	m.What = &wipev1.Statement_Completion{Completion: &wipev1.Completion{Receipt: &wipev1.Receipt{FinishedAt: timestamppb.New(o.now)}}}
	r.Receipt = o.sign(m, o.device, o.chain)
	return r
}

// whole gives the evidence of an order for a whole device that was promised.
func (o *office) whole(personal bool) *wipev1.GetWipeReceiptResponse {
	content := o.encode(&wipev1.WholeDeviceOrderToSign{
		Format: "ringfence.wipe.whole-device-order.v1", OrderId: "order-0001", DeviceId: "device-0001", Epoch: 3, Sequence: 4, PersonalSide: personal,
	})
	signed, err := o.authority.SignOrder(content)
	if err != nil {
		o.t.Fatal(err)
	}
	r, m := o.order(nil)
	digest := sha256.Sum256(content)
	m.OrderSha256, r.SignedOrder = digest[:], signed
	r.Order.WholeDevice = &wipev1.WholeDevice{PersonalSide: personal}
	m.What = &wipev1.Statement_Commitment{Commitment: &wipev1.Commitment{CommittedAt: timestamppb.New(o.now), ReceiptKey: o.public(o.receipt)}}
	r.Commitment = o.sign(m, o.device, o.chain)
	return r
}

// TestWholeDevice: its order verifies as what it is, and as nothing else.
func TestWholeDevice(t *testing.T) {
	o := newOffice(t)
	for _, personal := range []bool{false, true} {
		if b, err := New(o.whole(personal), o.now); err != nil || b.Commitment == nil {
			t.Errorf("personal side %v: %v", personal, err)
		}
	}
	for name, spoil := range map[string]func(*wipev1.GetWipeReceiptResponse){
		"shown as a work profile":     func(r *wipev1.GetWipeReceiptResponse) { r.Order.WholeDevice, r.Order.Scope = nil, profile },
		"shown with a personal side":  func(r *wipev1.GetWipeReceiptResponse) { r.Order.WholeDevice.PersonalSide = true },
		"shown as another device's":   func(r *wipev1.GetWipeReceiptResponse) { r.Order.DeviceId = "device-0002" },
		"shown with another sequence": func(r *wipev1.GetWipeReceiptResponse) { r.Order.Sequence = 5 },
		"signed as a work profile": func(r *wipev1.GetWipeReceiptResponse) {
			other, _ := o.order(profile)
			r.SignedOrder = other.SignedOrder
		},
	} {
		r := o.whole(false)
		spoil(r)
		if _, err := New(r, o.now); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

// unpack writes the files of a bundle into a folder.
func unpack(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// commands gives the commands of a README.
func commands(readme []byte) (all []string) {
	for line := range strings.Lines(string(readme)) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			all = append(all, strings.TrimSpace(command))
		}
	}
	return all
}

// follow runs the commands one by one and gives the first that fails; "" when
// all of them hold.
func follow(t *testing.T, dir string, readme []byte) (failed, output string) {
	t.Helper()
	for _, command := range commands(readme) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return command, string(out)
		}
	}
	return "", ""
}

func needOpenSSL(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("SKIPPED: there is no openssl on PATH, so that nothing but our own code has verified a receipt")
	}
}

// TestOpenSSLVerifies follows the README with openssl alone: it holds as it is,
// and fails whatever is changed.
func TestOpenSSLVerifies(t *testing.T) {
	needOpenSSL(t)
	o := newOffice(t)
	for name, r := range map[string]*wipev1.GetWipeReceiptResponse{
		"committed": o.commitment(), "confirmed": o.confirmed(), "apps": o.apps(),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := New(r, o.now)
			if err != nil {
				t.Fatal(err)
			}
			readme := b.Files[Readme]
			if failed, out := follow(t, unpack(t, b.Files), readme); failed != "" {
				t.Fatalf("%s\n%s\n%s", failed, out, readme)
			}
			if n := len(commands(readme)); n < 8 {
				t.Errorf("only %d commands:\n%s", n, readme)
			}
			for _, file := range slices.Sorted(maps.Keys(b.Files)) {
				if file == Readme || strings.HasSuffix(file, ".json") {
					continue
				}
				dir := unpack(t, b.Files)
				changed := slices.Clone(b.Files[file])
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

// TestNew: what holds is told as it is, and nothing that does not hold becomes
// a file.
func TestNew(t *testing.T) {
	o := newOffice(t)
	b, err := New(o.confirmed(), o.now)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		Readme, Commitment, CommitWords, CommitSig, Device, Issuer, Order, Receipt, Words, ReceiptSig, Root,
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(b.Files))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(b.Files[Readme]), "CONFIRMED: the phone has signed") || b.Receipt.GetCompletion() == nil {
		t.Errorf("README:\n%s", b.Files[Readme])
	}
	if b, err = New(o.commitment(), o.now); err != nil || b.Receipt != nil || !strings.Contains(string(b.Files[Readme]), "COMMITTED, NOT CONFIRMED") {
		t.Errorf("a commitment alone: error %v, README:\n%s", err, b.Files[Readme])
	}

	other := newOffice(t)
	for name, spoil := range map[string]func(*wipev1.GetWipeReceiptResponse){
		"no root":             func(r *wipev1.GetWipeReceiptResponse) { r.Roots = nil },
		"a root that is none": func(r *wipev1.GetWipeReceiptResponse) { r.Roots = [][]byte{{1}} },
		"another root":        func(r *wipev1.GetWipeReceiptResponse) { r.Roots = other.authority.Roots() },
		"another order shown": func(r *wipev1.GetWipeReceiptResponse) { r.Order = &wipev1.Order{Id: "order-0002"} },
		"another order signed": func(r *wipev1.GetWipeReceiptResponse) {
			another, _ := o.order(mail)
			r.SignedOrder = another.SignedOrder
		},
		"order not signed":         func(r *wipev1.GetWipeReceiptResponse) { r.SignedOrder = nil },
		"nothing said":             func(r *wipev1.GetWipeReceiptResponse) { r.Commitment, r.Receipt = nil, nil },
		"receipt alone":            func(r *wipev1.GetWipeReceiptResponse) { r.Commitment = nil },
		"no certificate":           func(r *wipev1.GetWipeReceiptResponse) { r.Commitment.CertificateChain = nil },
		"another's certificate":    func(r *wipev1.GetWipeReceiptResponse) { r.Commitment.CertificateChain = other.chain },
		"another's key":            func(r *wipev1.GetWipeReceiptResponse) { r.Commitment.PublicKey = o.public(other.device) },
		"another receipt key":      func(r *wipev1.GetWipeReceiptResponse) { r.Receipt.PublicKey = o.public(o.device) },
		"commitment for a receipt": func(r *wipev1.GetWipeReceiptResponse) { r.Receipt = r.Commitment },
		"commitment's signature":   func(r *wipev1.GetWipeReceiptResponse) { r.Commitment.Signature = r.Receipt.Signature },
		"receipt's signature":      func(r *wipev1.GetWipeReceiptResponse) { r.Receipt.Signature = r.Commitment.Signature },
		"receipt of another commitment": func(r *wipev1.GetWipeReceiptResponse) {
			r.Commitment = o.commitment().Commitment
			r.Commitment.Content = append(r.Commitment.Content, 0x92, 0x01, 0x00) // an unknown field
			digest := sha256.Sum256(r.Commitment.Content)
			r.Commitment.Signature, _ = ecdsa.SignASN1(rand.Reader, o.device, digest[:])
		},
	} {
		r := proto.CloneOf(o.confirmed())
		spoil(r)
		if b, err := New(r, o.now); err == nil || b.Files != nil {
			t.Errorf("%s: verified", name)
		}
	}
}
