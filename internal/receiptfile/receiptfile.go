// Package receiptfile makes files of what a phone has signed for a wipe order,
// for people who trust neither this program nor its server: with openssl, and
// the root certificate that was published in another way, they can verify every
// step themselves. It verifies all of it first, by the same steps.
package receiptfile

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// The files. Those of a commitment and a receipt come in threes: the bytes, the
// signature over them, and in JSON what they say.
const (
	Readme      = "README.txt"
	Root        = "root.pem"
	Order       = "order.p7s"
	Device      = "device.pem"
	Issuer      = "issuer.pem"
	Commitment  = "commitment.bin"
	CommitSig   = "commitment.sig"
	CommitWords = "commitment.json"
	Receipt     = "receipt.bin"
	ReceiptSig  = "receipt.sig"
	Words       = "receipt.json"
)

// Bundle is evidence that holds.
type Bundle struct {
	// Files by name.
	Files map[string][]byte
	// Order is what the server has signed of it: whom it is for, how far it goes,
	// when it was made, and its lease. Nothing else of it is set.
	Order *wipev1.Order
	// Commitment and Receipt are what the phone said; nil for what it has not.
	Commitment *wipev1.Statement
	Receipt    *wipev1.Statement
	// RootSHA256 is the fingerprint of the root that all of it hangs on.
	RootSHA256 [sha256.Size]byte
}

// evidence is what is being verified.
type evidence struct {
	response *wipev1.GetWipeReceiptResponse
	now      time.Time
	root     *x509.Certificate
	order    []byte        // what the order signer signed
	signed   *wipev1.Order // what that says
	chain    []*x509.Certificate
	files    map[string][]byte
}

// New verifies evidence at the given time and makes files of it. An error says
// what does not hold.
func New(r *wipev1.GetWipeReceiptResponse, now time.Time) (Bundle, error) {
	e := &evidence{response: r, now: now, files: map[string][]byte{}}
	if err := e.signedOrder(); err != nil {
		return Bundle{}, fmt.Errorf("the order does not verify: %w", err)
	}
	b := Bundle{Files: e.files, Order: e.signed, RootSHA256: sha256.Sum256(e.root.Raw)}
	var err error
	if r.GetCommitment() != nil {
		if b.Commitment, err = e.byDevice(r.GetCommitment(), Commitment, CommitSig, CommitWords); err != nil {
			return Bundle{}, fmt.Errorf("the commitment does not verify: %w", err)
		}
	}
	if r.GetReceipt() != nil {
		if endsEnrolment(e.signed) && b.Commitment == nil {
			return Bundle{}, errors.New("the receipt does not verify: nothing was committed to before it")
		}
		if b.Receipt, err = e.receipt(b.Commitment); err != nil {
			return Bundle{}, fmt.Errorf("the receipt does not verify: %w", err)
		}
	}
	if b.Commitment == nil && b.Receipt == nil {
		return Bundle{}, errors.New("the phone has signed nothing")
	}
	e.files[Readme] = e.readme(b)
	return b, nil
}

// byDevice verifies a statement that the device key has signed. Certificates of
// devices are short-lived: what counts is that the chain held when the phone
// spoke, which is between the order and now.
func (e *evidence) byDevice(s *wipev1.Evidence, names ...string) (*wipev1.Statement, error) {
	chain := s.GetCertificateChain()
	if len(chain) != 2 {
		return nil, fmt.Errorf("there are %d certificates, a device's and its issuer's are understood", len(chain))
	}
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			e.chain = nil
		}
		e.chain = append(e.chain, c)
	}
	device, issuer := e.chain[0], e.chain[1]
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(e.root)
	between.AddCert(issuer)
	_, err := device.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: device.NotBefore.Add(time.Minute),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(device.RawSubjectPublicKeyInfo, s.GetPublicKey()) {
		return nil, errors.New("the key is not the certificate's")
	}
	e.files[Device], e.files[Issuer] = certificatePEM(device), certificatePEM(issuer)
	return e.statement(s, names)
}

// receipt verifies the receipt: by the key that the commitment names, or else by
// the device key.
func (e *evidence) receipt(commitment *wipev1.Statement) (*wipev1.Statement, error) {
	s := e.response.GetReceipt()
	if commitment == nil {
		return e.byDevice(s, Receipt, ReceiptSig, Words)
	}
	if !bytes.Equal(s.GetPublicKey(), commitment.GetCommitment().GetReceiptKey()) {
		return nil, errors.New("the key is not the one the commitment names")
	}
	m, err := e.statement(s, []string{Receipt, ReceiptSig, Words})
	if err != nil {
		return nil, err
	}
	if digest := sha256.Sum256(e.response.GetCommitment().GetContent()); !bytes.Equal(digest[:], m.GetCompletion().GetCommitmentSha256()) {
		return nil, errors.New("it confirms another commitment")
	}
	return m, nil
}

// statement verifies one signature, and that it is about the order. Names are
// those of the files for the bytes, the signature and the words.
func (e *evidence) statement(s *wipev1.Evidence, names []string) (*wipev1.Statement, error) {
	key, err := x509.ParsePKIXPublicKey(s.GetPublicKey())
	if err != nil {
		return nil, err
	}
	if err := wipe.VerifySignature(key, s.GetContent(), s.GetSignature()); err != nil {
		return nil, err
	}
	m := &wipev1.Statement{}
	if err := proto.Unmarshal(s.GetContent(), m); err != nil {
		return nil, err
	}
	if digest := sha256.Sum256(e.order); !bytes.Equal(digest[:], m.GetOrderSha256()) || !e.about(m) {
		return nil, errors.New("it is about another order")
	}
	if (names[0] == Commitment) != (m.GetCommitment() != nil) || (names[0] == Receipt) != (m.GetCompletion() != nil) {
		return nil, errors.New("it states something else")
	}
	words, err := protojson.MarshalOptions{Multiline: true, Indent: "  "}.Marshal(m)
	e.files[names[0]], e.files[names[1]], e.files[names[2]] = s.GetContent(), s.GetSignature(), append(words, '\n')
	return m, err
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
