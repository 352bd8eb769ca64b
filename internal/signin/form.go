package signin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// MaxToken is how many octets a token may have.
const MaxToken = 16 << 10

// algorithms may sign tokens: public keys only, SHA-2 or better. That "none" and
// the shared-secret HS family are not among them is the point.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512,
	jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

// compact is the form of a token. Decoders let more through.
var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// algorithmNames is algorithms, as go-oidc has them.
func algorithmNames() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return names
}

// issuerOf reads which issuer a token claims, and refuses what cannot be an ID
// token before anything is asked of anybody. Nothing it reads is to be believed
// yet.
func issuerOf(raw string) (string, error) {
	if len(raw) > MaxToken {
		return "", fmt.Errorf("the token has %d octets, more than %d", len(raw), MaxToken)
	}
	// Compact form only: JSON would allow several signatures, and headers that
	// none of them covers.
	if !compact.MatchString(raw) {
		return "", errors.New("the token is not three parts in base64url")
	}
	parts := strings.Split(raw, ".")
	var header struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
	}
	if err := readPart(parts[0], &header); err != nil {
		return "", fmt.Errorf("the token's header: %w", err)
	}
	if !slices.Contains(algorithms, jose.SignatureAlgorithm(header.Algorithm)) {
		return "", fmt.Errorf("the token is signed with %.20q", header.Algorithm)
	}
	// Access and logout tokens, which have types of their own, are no ID tokens.
	if header.Type != "" && !strings.EqualFold(header.Type, "JWT") {
		return "", fmt.Errorf("the token is of type %.20q", header.Type)
	}
	var payload map[string]json.RawMessage
	if err := readPart(parts[1], &payload); err != nil {
		return "", fmt.Errorf("the token's payload: %w", err)
	}
	var issuer string
	if err := json.Unmarshal(payload["iss"], &issuer); err != nil || issuer == "" {
		return "", errors.New("the token names no issuer")
	}
	return issuer, nil
}

// readPart reads one of a token's JSON parts.
func readPart(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return errors.New("is not base64url")
	}
	if err := json.Unmarshal(text, into); err != nil {
		return errors.New("is not the JSON it should be")
	}
	return nil
}
