package extauthz

import (
	"encoding/pem"
	"net/url"
	"strings"

	"ringfence/internal/fault"
)

// maxCertificate is how long an escaped certificate may be, in bytes.
const maxCertificate = 16 << 10

// fromPEM reads a certificate in the escaped PEM that Envoy writes, and gives
// its DER. There is one certificate, and nothing else.
func fromPEM(escaped string) ([]byte, error) {
	const field = "source.certificate"
	if len(escaped) > maxCertificate {
		return nil, fault.InvalidField(field, "has more than %d bytes", maxCertificate)
	}
	text, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, fault.InvalidField(field, "is not escaped as it must be")
	}
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil, block.Type != "CERTIFICATE", len(block.Headers) > 0, strings.TrimSpace(string(rest)) != "":
		return nil, fault.InvalidField(field, "is not the PEM of one certificate")
	case !strings.HasPrefix(text, "-----BEGIN CERTIFICATE-----"):
		return nil, fault.InvalidField(field, "has something before the certificate")
	}
	return block.Bytes, nil
}
