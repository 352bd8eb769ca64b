package webkeys

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// MaxToken is how many octets a token may have.
const MaxToken = 16 << 10

// maxHeader is how many octets its header may have, still encoded.
const maxHeader = 512

// Verify checks a token of a type that was signed here, and reads its claims.
// What they say is not looked at: for their times, issuer and audience see
// [Claims]. Types are compared as they are written.
//
// Errors: [ErrTokenInvalid], whatever is wrong with the token.
func (s *Service) Verify(ctx context.Context, token, typ string, claims any) error {
	h, err := readHeader(token)
	switch {
	case err != nil:
		return ErrTokenInvalid.WithCause(err)
	case typ == "" || h.Type != typ:
		return ErrTokenInvalid.WithCause(fmt.Errorf("the token is of type %.40q, not %q", h.Type, typ))
	}
	k, err := s.known(ctx, h.KeyID)
	if err != nil {
		return err
	}
	payload, err := s.check(token, h, k)
	if err != nil {
		return ErrTokenInvalid.WithCause(err)
	}
	if err := json.Unmarshal(payload, claims); err != nil {
		return ErrTokenInvalid.WithCause(fmt.Errorf("claims: %w", err))
	}
	return nil
}

// known gives the key of an id; nil where there is none.
func (s *Service) known(ctx context.Context, id string) (*held, error) {
	now, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	if k := now.byID[id]; k != nil {
		return k, nil
	}
	// Another server may have made its first key since.
	if !s.strangers.AllowN(s.c.Now(), 1) {
		return nil, nil
	}
	if now, err = s.newKeys(ctx); err != nil {
		return nil, err
	}
	return now.byID[id], nil
}

// check verifies the signature, with the key's own algorithm and no other.
func (s *Service) check(token string, h header, k *held) ([]byte, error) {
	switch {
	case k == nil:
		return nil, errors.New("no key of that id")
	case k.stateAt(s.clock()) == Gone:
		return nil, errors.New("the key is too old")
	case h.Algorithm != k.Algorithm:
		return nil, fmt.Errorf("the token says %.20q, and its key is for %s", h.Algorithm, k.Algorithm)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.Algorithm)})
	if err != nil {
		return nil, err
	}
	// The bare key: of a whole JWK, go-jose would look at more.
	return signed.Verify(k.Public)
}

// header is all that a token's header may say.
type header struct {
	Algorithm Algorithm
	KeyID     string
	Type      string
}

// compact is the form of a token. Decoders let more through.
var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// readHeader reads the header of a token that is not believed yet. It is
// stricter than the standards, which allow much that nothing signed here has.
func readHeader(token string) (header, error) {
	if len(token) > MaxToken || !compact.MatchString(token) {
		return header{}, errors.New("not a token in compact form")
	}
	part, _, _ := strings.Cut(token, ".")
	if len(part) > maxHeader {
		return header{}, errors.New("the header is too long")
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return header{}, errors.New("the header is not base64url")
	}
	members, err := readMembers(text)
	if err != nil {
		return header{}, fmt.Errorf("the header: %w", err)
	}
	return header{Algorithm(members["alg"]), members["kid"], members["typ"]}, nil
}

// readMembers reads an object of exactly alg, kid and typ, each once and a text
// that is not empty. encoding/json would take a name in any case of letters, and
// the last of two.
func readMembers(text []byte) (map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("is no object")
	}
	members := make(map[string]string, 3)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errors.New("is not JSON")
		}
		n, _ := name.(string) // names are texts
		if n != "alg" && n != "kid" && n != "typ" {
			return nil, fmt.Errorf("says %.20q", n)
		}
		value, err := d.Token()
		v, ok := value.(string)
		if err != nil || !ok || v == "" || members[n] != "" {
			return nil, fmt.Errorf("says %s twice, or says nothing", n)
		}
		members[n] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("goes on after its end")
	}
	if len(members) != 3 {
		return nil, errors.New("lacks alg, kid or typ")
	}
	return members, nil
}
