package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxBundle is the most octets a PEM bundle may have.
	MaxBundle = 256 << 10
	// maxCertificate is the most octets of DER one certificate may have.
	maxCertificate = 16 << 10
)

var (
	pemBegin       = []byte("-----BEGIN ")
	pemCertificate = []byte("-----BEGIN CERTIFICATE-----")
)

// ParseCertificatesPEM reads a bundle of 1 to most certificates. Between them
// may be white space and nothing else: what a reader skips could be taken for
// meant. Private keys are named as such. Errors are written for whoever made
// the bundle; they begin with a verb or "certificate N".
func ParseCertificatesPEM(data []byte, most int) ([]*x509.Certificate, error) {
	if len(data) > MaxBundle {
		return nil, fmt.Errorf("has %d octets, %d are allowed", len(data), MaxBundle)
	}
	var out []*x509.Certificate
	for rest := bytes.TrimSpace(data); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		n := len(out) + 1
		if n > most {
			return nil, fmt.Errorf("holds more than %d certificates", most)
		}
		block, after, err := firstBlock(rest)
		if err != nil {
			return nil, fmt.Errorf("certificate %d %w", n, err)
		}
		c, err := parseBundled(block)
		if err != nil {
			return nil, fmt.Errorf("certificate %d %w", n, err)
		}
		out, rest = append(out, c), after
	}
	if len(out) == 0 {
		return nil, errors.New("holds no certificate")
	}
	return out, nil
}

// firstBlock decodes the block at the very start. pem.Decode alone would skip
// whatever it does not understand and take a later one.
func firstBlock(data []byte) (*pem.Block, []byte, error) {
	if !bytes.HasPrefix(data, pemCertificate) {
		if line, _, _ := bytes.Cut(data, []byte("\n")); bytes.HasPrefix(line, pemBegin) {
			if bytes.Contains(line, []byte("PRIVATE KEY")) {
				return nil, nil, errors.New("is a private key: take it out, and do not use it any more")
			}
			return nil, nil, errors.New("is a PEM block of another kind")
		}
		return nil, nil, errors.New("is not PEM, or follows something that is not")
	}
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, nil, errors.New("is broken PEM")
	}
	used := data[:len(data)-len(rest)]
	if bytes.Count(used, pemBegin) != 1 {
		return nil, nil, errors.New("is broken PEM")
	}
	if len(block.Headers) != 0 {
		return nil, nil, errors.New("has PEM headers")
	}
	return block, rest, nil
}

func parseBundled(block *pem.Block) (*x509.Certificate, error) {
	if len(block.Bytes) > maxCertificate {
		return nil, fmt.Errorf("has %d octets, %d are allowed", len(block.Bytes), maxCertificate)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("is not an X.509 certificate: %s", strings.TrimPrefix(err.Error(), "x509: "))
	}
	return c, nil
}
