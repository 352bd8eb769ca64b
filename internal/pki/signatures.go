package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"
)

// maxSigned bounds how many certificates are remembered: some 13 MB.
const maxSigned = 1 << 16

// seen is what the octets of a certificate say, once its signature was found to
// be ours. It is as true later as it was then: that a certificate was signed by an
// authority does not change, and authorities do not while the program runs. When
// it holds is for whoever asks to compare with the time; whether it was revoked
// for whoever keeps certificates.
type seen struct {
	held Held
	// from and until are when leaf and authority both hold.
	from, until time.Time
}

func signedBy(h Held, leaf, issuer *x509.Certificate) seen {
	s := seen{h, leaf.NotBefore, leaf.NotAfter}
	if s.from.Before(issuer.NotBefore) {
		s.from = issuer.NotBefore
	}
	if s.until.After(issuer.NotAfter) {
		s.until = issuer.NotAfter
	}
	return s
}

// signatures remembers certificates that hold by the SHA-256 of their octets. It
// remembers no others: strangers must not push ours out. The zero value is ready.
type signatures struct {
	mu   sync.RWMutex // guards kept
	kept map[[sha256.Size]byte]seen
}

func (m *signatures) get(key [sha256.Size]byte) (seen, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s, ok := m.kept[key]
	return s, ok
}

// put remembers one, and forgets any other where there are too many.
func (m *signatures) put(key [sha256.Size]byte, s seen) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = make(map[[sha256.Size]byte]seen)
	}
	for other := range m.kept {
		if len(m.kept) < maxSigned {
			break
		}
		delete(m.kept, other)
	}
	m.kept[key] = s
}
