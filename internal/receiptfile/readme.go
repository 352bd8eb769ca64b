package receiptfile

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
)

// readme says what the files are and how to verify them. Every line that begins
// with four spaces is a command; all of them, in order, in a shell in the folder
// of the files, end without an error exactly if everything holds.
func (e *evidence) readme(b Bundle) []byte {
	var w strings.Builder
	o := e.signed
	fmt.Fprintf(&w, "Order %s for device %s, epoch %d, number %d of the device:\n%s.\n\n", o.GetId(), o.GetDeviceId(), o.GetEpoch(), o.GetSequence(), task(o))
	if l := o.GetLease(); l != nil {
		fmt.Fprintf(&w, "The phone got it in advance, with lease %d: to be carried out by itself once it was\nout of contact for %s, and not before.\n\n", l.GetNumber(), l.GetWipeAfter().AsDuration())
	}
	switch {
	case b.Receipt == nil:
		w.WriteString("COMMITTED, NOT CONFIRMED: the phone has signed what it was about to remove, and\nno receipt has come. This is no proof that anything was removed.\n")
	default:
		w.WriteString("CONFIRMED: the phone has signed that it carried the order out.\n")
	}
	w.WriteString(`
The lines that are set in are commands for a shell in this folder; they need
openssl and nothing of ours. Each one must end without an error.

`)
	e.aboutRoot(&w, b)
	e.aboutOrder(&w)
	if b.Commitment != nil {
		w.WriteString("The commitment, signed by the phone's key before anything was removed. What it\nsays is in " + CommitWords + ".\n\n")
		e.aboutDevice(&w, Commitment, CommitSig)
		aboutDigest(&w, "order.bin", Commitment, e.files[Commitment], sha256.Sum256(e.order))
	}
	switch {
	case b.Receipt != nil && b.Commitment != nil:
		e.aboutReceiptKey(&w, b)
	case b.Receipt != nil:
		w.WriteString("The receipt, signed by the phone's key. What it says is in " + Words + ".\n\n")
		e.aboutDevice(&w, Receipt, ReceiptSig)
		aboutDigest(&w, "order.bin", Receipt, e.files[Receipt], sha256.Sum256(e.order))
	}
	w.WriteString("The JSON files are for reading; what counts are the bytes beside them, which\n`protoc --decode_raw` shows too.\n")
	return []byte(w.String())
}

func (e *evidence) aboutRoot(w *strings.Builder, b Bundle) {
	w.WriteString(`The root certificate. Everything hangs on it, so compare its fingerprint with the
one that the company has published, not with this text:

`)
	fmt.Fprintf(w, "  sha256 %X\n\n    openssl x509 -in %s -noout -fingerprint -sha256\n\n", b.RootSHA256, Root)
}

func (e *evidence) aboutOrder(w *strings.Builder) {
	fmt.Fprintf(w, `The order, signed by the order signer, whose certificate is in it and carries the
usage 1.3.6.1.4.1.32473.1.1 and no other. What was signed comes out as order.bin.
The signature is made when these files are; the phone has verified one over the
same bytes, which it names below by their SHA-256.

    openssl cms -verify -binary -inform DER -in %s -CAfile %s -purpose any -no_check_time -out order.bin -signer order-signer.pem
    openssl x509 -in order-signer.pem -noout -text | grep -A1 'Extended Key Usage' | grep -q 1.3.6.1.4.1.32473.1.1

`, Order, Root)
}

// aboutDevice verifies a signature by the device key.
func (e *evidence) aboutDevice(w *strings.Builder, content, signature string) {
	fmt.Fprintf(w, `    openssl verify -no_check_time -CAfile %s -untrusted %s -purpose sslclient %s
    openssl x509 -in %s -noout -pubkey > device.pub
    openssl dgst -sha256 -verify device.pub -signature %s %s

`, Root, Issuer, Device, Device, signature, content)
}

// aboutDigest compares the digest of one file with the bytes of it that stand in
// another, which is signed.
func aboutDigest(w *strings.Builder, file, in string, content []byte, digest [sha256.Size]byte) {
	at := bytes.Index(content, digest[:])
	fmt.Fprintf(w, "It names %s by its SHA-256:\n\n    openssl dgst -sha256 -binary %s > digest.bin\n", file, file)
	fmt.Fprintf(w, "    %s | cmp - digest.bin\n\n", cut(in, at, len(digest)))
}

// aboutReceiptKey verifies a receipt by the key that the commitment names.
func (e *evidence) aboutReceiptKey(w *strings.Builder, b Bundle) {
	key := b.Commitment.GetCommitment().GetReceiptKey()
	fmt.Fprintf(w, `The receipt, signed afterwards by a key that the phone made for it alone, and
whose public half is in the commitment. What it says is in %s.

    %s | openssl pkey -pubin -inform DER -out receipt-key.pub
    openssl dgst -sha256 -verify receipt-key.pub -signature %s %s

`, Words, cut(Commitment, bytes.Index(e.files[Commitment], key), len(key)), ReceiptSig, Receipt)
	aboutDigest(w, Commitment, Receipt, e.files[Receipt], sha256.Sum256(e.files[Commitment]))
	aboutDigest(w, "order.bin", Receipt, e.files[Receipt], sha256.Sum256(e.order))
}

// cut is a command that gives some octets of a file.
func cut(file string, at, n int) string {
	return fmt.Sprintf("tail -c +%d %s | head -c %d", at+1, file, n)
}
