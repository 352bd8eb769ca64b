package pki

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// AuditKey signs the heads of the audit record: an Ed25519 key that signs
// nothing else.
type AuditKey struct {
	// Signer signs notes in the record's name.
	Signer note.Signer
	// Verifier is the public key as text, "name+hash+key", for whoever is to
	// check what was signed.
	Verifier string
}

// AuditKey gives the key of the record kept in the authority's folder, and makes
// it first where there is none. name is the record's name, which is part of the
// key and of every signature: empty takes the name the key has, and for a new one
// makes one that no other installation has. A key of another name is an error.
func (a *Authority) AuditKey(name string) (AuditKey, error) {
	text, err := a.auditSecret(name)
	if err != nil {
		return AuditKey{}, fmt.Errorf("audit key: %w", err)
	}
	k, err := parseAuditKey(text)
	if err != nil {
		return AuditKey{}, fmt.Errorf("audit key: %s: %w", a.auditPath(), err)
	}
	if name != "" && name != k.Signer.Name() {
		return AuditKey{}, fmt.Errorf("audit key: the record is called %q, not %q: its name cannot change", k.Signer.Name(), name)
	}
	return k, nil
}

func (a *Authority) auditPath() string { return filepath.Join(a.dir, "audit.key") }

// auditSecret reads the key, or makes it under the lock.
func (a *Authority) auditSecret(name string) (string, error) {
	if there, err := exists(a.auditPath()); err != nil {
		return "", err
	} else if !there {
		if err := a.newAuditKey(name); err != nil {
			return "", err
		}
	}
	data, err := readSecret(a.auditPath())
	return strings.TrimSuffix(string(data), "\n"), err
}

func (a *Authority) newAuditKey(name string) error {
	unlock, err := lockDir(a.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if there, err := exists(a.auditPath()); there || err != nil {
		return err
	}
	if name == "" {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		name = "ringfence-" + hex.EncodeToString(b[:])
	}
	secret, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	if _, err := parseAuditKey(secret); err != nil {
		return err
	}
	return writeFile(a.auditPath(), []byte(secret+"\n"))
}

// parseAuditKey reads "PRIVATE+KEY+name+hash+key". Errors never hold the text.
func parseAuditKey(text string) (AuditKey, error) {
	signer, err := note.NewSigner(text)
	if err != nil {
		return AuditKey{}, errors.New("not a key for notes, or not a name for one: no space, no plus")
	}
	parts := strings.SplitN(text, "+", 5) // base64 may have a plus in it
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return AuditKey{}, errors.New("not an Ed25519 key")
	}
	public, ok := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return AuditKey{}, errors.New("not an Ed25519 key")
	}
	verifier, err := note.NewEd25519VerifierKey(signer.Name(), public)
	return AuditKey{Signer: signer, Verifier: verifier}, err
}
