package clientcert

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"ringfence/internal/fault"
)

// Peer is one element of Envoy's X-Forwarded-Client-Cert: what one proxy says of
// its client.
type Peer struct {
	// DER is the certificate; nil where Envoy was not told to pass it on.
	DER []byte
	// Hash is the SHA-256 of the certificate, in small hexadecimal digits. It is
	// that of DER, where there is one.
	Hash string
	// Subject is the certificate's, as Envoy writes it.
	Subject string
	// By, URI and DNS are alternative names: of the proxy's certificate, and of
	// the client's.
	By, URI, DNS []string
}

// maxNames bounds how often By, URI and DNS may be there, each.
const maxNames = 32

const (
	errElements = malformed("has the words of more than one proxy")
	errPairs    = malformed("is no list of pairs of a key and a value")
	errKey      = malformed("has a key that is not known, or too often")
	errHash     = malformed("has no SHA-256 of the certificate in Hash")
	errNoCert   = malformed("has no Cert: let the proxy pass the certificate on")
)

// ParseXFCC reads the value of an X-Forwarded-Client-Cert header, which must have
// exactly one element. The error is an Invalid fault; for an empty value it is
// ErrNone.
func ParseXFCC(value string) (Peer, error) {
	if value == "" {
		return Peer{}, ErrNone
	}
	p, err := parseElement(value)
	if err != nil {
		return Peer{}, fault.InvalidField(headerXFCC, "%s", err.Error())
	}
	return p, nil
}

func readXFCC(value string) ([]byte, error) {
	p, err := parseElement(value)
	if err == nil && p.DER == nil {
		err = errNoCert
	}
	return p.DER, err
}

// parseElement reads key=value pairs with semicolons between them.
func parseElement(value string) (Peer, error) {
	var p Peer
	if len(value) > maxValue {
		return p, errPairs
	}
	seen := map[string]bool{}
	for rest, more := value, true; more; {
		var pair pair
		var err error
		if pair, rest, more, err = cutPair(rest); err != nil {
			return Peer{}, err
		}
		key := strings.ToLower(pair.key)
		if err := p.take(key, pair.value, seen[key]); err != nil {
			return Peer{}, err
		}
		seen[key] = true
	}
	if p.DER != nil && p.Hash != "" {
		if sum := sha256.Sum256(p.DER); hex.EncodeToString(sum[:]) != p.Hash {
			return Peer{}, errHash
		}
	}
	return p, nil
}

type pair struct{ key, value string }

// cutPair takes the first pair off, and says whether there must be another one.
func cutPair(text string) (p pair, rest string, more bool, err error) {
	key, text, found := strings.Cut(text, "=")
	if !found {
		return p, "", false, errPairs
	}
	p.key = key
	if strings.HasPrefix(text, `"`) {
		p.value, rest, err = cutQuoted(text[1:])
	} else {
		end := strings.IndexAny(text, `;,"=`)
		if end < 0 {
			end = len(text)
		}
		p.value, rest = text[:end], text[end:]
	}
	switch {
	case err != nil:
		return pair{}, "", false, err
	case rest == "":
		return p, "", false, nil
	case rest[0] == ';':
		return p, rest[1:], true, nil
	case rest[0] == ',':
		return pair{}, "", false, errElements
	default:
		return pair{}, "", false, errPairs
	}
}

// cutQuoted takes a value off up to its closing quotation mark. Within it, \"
// stands for ", and a backslash before anything else for itself.
func cutQuoted(text string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
			b.WriteByte('"')
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", errPairs
}

// take notes one pair.
func (p *Peer) take(key, value string, again bool) error {
	for _, c := range []byte(value) {
		if c < ' ' || c == 0x7f {
			return errPairs
		}
	}
	names := map[string]*[]string{"by": &p.By, "uri": &p.URI, "dns": &p.DNS}[key]
	if names != nil {
		if len(*names) == maxNames {
			return errKey
		}
		// A certificate without such a name has an empty one here.
		if value != "" {
			*names = append(*names, value)
		}
		return nil
	}
	if again {
		return errKey
	}
	var err error
	switch key {
	case "cert":
		p.DER, err = readEscaped(value)
	case "hash":
		p.Hash, err = hashOf(value)
	case "subject":
		p.Subject = value
	case "chain": // begins with the certificate that Cert has alone
	default:
		return errKey
	}
	return err
}

func hashOf(value string) (string, error) {
	value = strings.ToLower(value)
	sum, err := hex.DecodeString(value)
	if err != nil || len(sum) != sha256.Size {
		return "", errHash
	}
	return value, nil
}
