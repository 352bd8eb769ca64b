package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	// api is who believes a phone's own word.
	api = "https://api.example.com"
	// assertionType is the typ of the header of such a word.
	assertionType = "device-assertion+jwt"
	jwksPath      = "/.well-known/jwks.json"
)

// word is what a phone's assertion says.
type word struct {
	Issuer       string `json:"iss"`
	Subject      string `json:"sub"`
	Audience     string `json:"aud"`
	ExpiresAt    int64  `json:"exp"`
	Kind         string `json:"kind"`
	User         string `json:"user"`
	Compliant    bool   `json:"compliant"`
	Standing     string `json:"standing"`
	Confirmation struct {
		SHA256 string `json:"x5t#S256"`
	} `json:"cnf"`
}

// believer is an API that asks nobody: it has the server's keys, and knows whom
// the certificate of its connection is.
type believer struct {
	keys             jose.JSONWebKeySet
	issuer, audience string
	certificate      []byte // that the phone shows, DER
}

// believe reads an assertion, if there is nothing to doubt. It calls nobody, and
// is written here, apart from the server's own, so that the server is not its own
// witness. No error quotes the assertion.
func (b *believer) believe(token string, now time.Time) (word, error) {
	var w word
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil {
		return w, errors.New("it is no signed token")
	}
	header := signed.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != assertionType {
		return w, fmt.Errorf("it is of type %.40q, want %s", typ, assertionType)
	}
	keys := b.keys.Key(header.KeyID)
	if header.KeyID == "" || len(keys) != 1 || keys[0].Algorithm != header.Algorithm || !keys[0].IsPublic() {
		return w, errors.New("it is signed by a key that is not published")
	}
	payload, err := signed.Verify(keys[0].Key)
	if err != nil {
		return w, errors.New("its signature is not right")
	}
	if err := json.Unmarshal(payload, &w); err != nil {
		return word{}, errors.New("it says nothing that can be read")
	}
	sum := sha256.Sum256(b.certificate)
	switch {
	case w.Issuer != b.issuer:
		return word{}, fmt.Errorf("it was issued by %.80q, want %s", w.Issuer, b.issuer)
	case w.Audience != b.audience:
		return word{}, fmt.Errorf("it is meant for %.80q", w.Audience)
	case now.Unix() >= w.ExpiresAt:
		return word{}, errors.New("it has expired")
	case w.Confirmation.SHA256 != base64.RawURLEncoding.EncodeToString(sum[:]):
		return word{}, errors.New("it is bound to another certificate")
	}
	return w, nil
}

// published gets the server's keys, as an API does now and then.
func (s *story) published() (jose.JSONWebKeySet, error) {
	var keys jose.JSONWebKeySet
	p, err := s.visit(s.visitor(s.doors.edge.roots, nil), "https://"+s.doors.address+jwksPath)
	if err != nil {
		return keys, err
	}
	if p.status != http.StatusOK {
		return keys, fmt.Errorf("%s answers %d", jwksPath, p.status)
	}
	if err := json.Unmarshal([]byte(p.text), &keys); err != nil {
		return keys, fmt.Errorf("%s: %w", jwksPath, err)
	}
	for _, key := range keys.Keys {
		if !key.IsPublic() {
			return keys, errors.New("the server publishes a key that is not public")
		}
	}
	return keys, nil
}

// tampered gives a token with something else in it, under the same signature.
func tampered(token, from, to string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the assertion is no token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !strings.Contains(string(payload), from) {
		return "", errors.New("the assertion does not say what it should")
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), from, to, 1)))
	return strings.Join(parts, "."), nil
}
