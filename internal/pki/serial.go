package pki

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
)

// maxSerialDigits is 20 octets, the most RFC 5280 (4.1.2.2) allows.
const maxSerialDigits = 40

// newSerial makes a random serial number. It always has 16 octets, hence 32
// hex digits: the top bit is clear because a serial is positive, the next one
// set, and the other 126 are random.
func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return serialOf(b)
}

func serialOf(b [16]byte) *big.Int {
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

// FormatSerial writes a serial number as this project does everywhere:
// lower-case hex without leading zeros.
func FormatSerial(n *big.Int) string {
	// Not n.Text(16): this is asked for at every call, and hex is far cheaper.
	return strings.TrimLeft(hex.EncodeToString(n.Bytes()), "0")
}

// ParseSerial reads what FormatSerial writes, and nothing else.
func ParseSerial(s string) (*big.Int, error) {
	if s == "" || len(s) > maxSerialDigits {
		return nil, fmt.Errorf("serial number must have 1 to %d hex digits", maxSerialDigits)
	}
	n, ok := new(big.Int).SetString(s, 16)
	if !ok || n.Sign() <= 0 || FormatSerial(n) != s {
		return nil, fmt.Errorf("serial number must be positive, in lower-case hex without leading zeros")
	}
	return n, nil
}
