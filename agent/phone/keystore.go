package phone

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"ringfence/agent/policy"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	keySuffix      = ".pem"
	keyBlock       = "PRIVATE KEY"
	clientPrefix   = "client."
	identityPrefix = "identity."
)

var keyPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]|\.[a-z0-9]){0,127}$`)

// MakeKey makes a key of that name unless there is one, and gives it.
func (p *Phone) MakeKey(name string, t compliancev1.KeyType) (crypto.Signer, error) {
	return p.makeKeyIn(keystoreDir, name, t)
}

func (p *Phone) makeKeyIn(dir, name string, t compliancev1.KeyType) (crypto.Signer, error) {
	key, err := p.keyIn(dir, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = generate(t); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, p.write(dir, name+keySuffix, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}))
}

func generate(t compliancev1.KeyType) (crypto.Signer, error) {
	switch t {
	case compliancev1.KeyType_KEY_TYPE_EC_P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case compliancev1.KeyType_KEY_TYPE_EC_P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case compliancev1.KeyType_KEY_TYPE_RSA_3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case compliancev1.KeyType_KEY_TYPE_RSA_4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	default:
		return nil, policy.ErrUnsupported
	}
}

// Key gives a key; fs.ErrNotExist where there is none. No error quotes one.
func (p *Phone) Key(name string) (crypto.Signer, error) { return p.keyIn(keystoreDir, name) }

func (p *Phone) keyIn(dir, name string) (crypto.Signer, error) {
	if !keyPattern.MatchString(name) {
		return nil, fmt.Errorf("%.40q cannot name a key", name)
	}
	data, err := p.read(dir, name+keySuffix)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != keyBlock {
		return nil, fmt.Errorf("key %s is damaged", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key %s is damaged", name)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key %s cannot sign", name)
	}
	return key, nil
}

// DeleteKey destroys a key; no error where there is none.
func (p *Phone) DeleteKey(name string) error {
	if !keyPattern.MatchString(name) {
		return fmt.Errorf("%.40q cannot name a key", name)
	}
	return p.remove(keystoreDir, name+keySuffix)
}

// keysWith names the keys whose name begins so.
func (p *Phone) keysWith(prefix string) ([]string, error) {
	names, err := p.names(keystoreDir, keySuffix)
	var kept []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			kept = append(kept, name)
		}
	}
	return kept, err
}
