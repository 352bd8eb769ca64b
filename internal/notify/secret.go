package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
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

// ErrSecret says what a file of secrets must hold. It holds nothing of the file.
var ErrSecret = errors.New(`want one secret a line, at most 4: "whsec_" and the base64 of 24 to 64 random bytes, as ` +
	`printf 'whsec_%s\n' "$(openssl rand -base64 32)" makes`)

// ParseSecrets reads the text of a file of secrets. Errors: ErrSecret.
func ParseSecrets(text string) ([]Secret, error) {
	var all []Secret
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		encoded, ok := strings.CutPrefix(line, prefix)
		raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if !ok || err != nil || len(raw) < minSecret || len(raw) > maxSecret {
			return nil, ErrSecret
		}
		all = append(all, raw)
	}
	if len(all) == 0 || len(all) > mostSecrets {
		return nil, ErrSecret
	}
	return all, nil
}

// sign gives the signature "v1,BASE64" of a message, as Standard Webhooks 1.0
// has it: HMAC-SHA256 over id, ".", timestamp, "." and body. Neither id nor
// timestamp has a full stop in it.
func (s Secret) sign(id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, s)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signatures gives the signatures by every secret, with a space between them.
func signatures(secrets []Secret, id, timestamp string, body []byte) string {
	all := make([]string, len(secrets))
	for i, s := range secrets {
		all[i] = s.sign(id, timestamp, body)
	}
	return strings.Join(all, " ")
}
