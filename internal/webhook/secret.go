package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Secret is shared with the receiver of a webhook, so that it knows who sent
// what it gets.
type Secret []byte

// The bounds of a secret, in bytes, and how many there are at most. More than
// one is for the time in which one replaces another.
const (
	minSecret   = 24
	maxSecret   = 64
	mostSecrets = 4
	prefix      = "whsec_"
)

var (
	// ErrSecrets says what a file of secrets must hold. It holds nothing of the
	// file.
	ErrSecrets = errors.New(`want one secret a line, at most 4: "whsec_" and the base64 of 24 to 64 random bytes, as ` +
		`printf 'whsec_%s\n' "$(openssl rand -base64 32)" makes`)
	// ErrSecret says what a secret must be. It holds nothing of it.
	ErrSecret = errors.New(`must be "whsec_" and the base64 of 24 to 64 random bytes`)
)

// ParseSecret reads one secret. Errors: ErrSecret.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, prefix)
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || strings.ContainsAny(encoded, "\r\n") || len(raw) < minSecret || len(raw) > maxSecret {
		return nil, ErrSecret
	}
	return raw, nil
}

// ParseSecrets reads the text of a file of secrets. Errors: ErrSecrets.
func ParseSecrets(text string) ([]Secret, error) {
	var all []Secret
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		s, err := ParseSecret(line)
		if err != nil {
			return nil, ErrSecrets
		}
		all = append(all, s)
	}
	if len(all) == 0 || len(all) > mostSecrets {
		return nil, ErrSecrets
	}
	return all, nil
}

// String gives the secret as ParseSecret reads it.
func (s Secret) String() string { return prefix + base64.StdEncoding.EncodeToString(s) }

// Sign gives the signature "v1,BASE64" of a message: HMAC-SHA256 over id, ".",
// timestamp, "." and body. Neither id nor timestamp has a full stop in it.
func (s Secret) Sign(id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, s)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Signed is what goes with a message, in headers of these names.
type Signed struct {
	ID        string // Webhook-Id
	Timestamp string // Webhook-Timestamp: seconds since 1970
	Signature string // Webhook-Signature: one by each secret, with a space between them
}

// SignAll signs a message by every secret.
func SignAll(secrets []Secret, id string, now time.Time, body []byte) Signed {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	all := make([]string, len(secrets))
	for i, s := range secrets {
		all[i] = s.Sign(id, timestamp, body)
	}
	return Signed{ID: id, Timestamp: timestamp, Signature: strings.Join(all, " ")}
}
