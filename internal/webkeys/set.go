package webkeys

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// held is a key that can be used: its private half opened.
type held struct {
	Key
	private crypto.Signer
	sealed  string // what it was opened from
}

// set is what is stored at one time. Nobody changes it any more.
type set struct {
	// rows are all that is stored, those that do not open included.
	rows []Stored
	// held are the keys that open, by algorithm and number.
	held []*held
	byID map[string]*held
}

// newSet opens what is stored. What the set before had open is taken from there.
func newSet(sealer *Sealer, rows []Stored, before *set) *set {
	s := &set{rows: rows, byID: make(map[string]*held, len(rows))}
	for _, row := range rows {
		k, err := take(sealer, row, before)
		if err != nil {
			continue // not ours: neither published nor trusted
		}
		s.held = append(s.held, k)
		s.byID[k.ID] = k
	}
	slices.SortFunc(s.held, func(a, b *held) int {
		return cmp.Or(
			cmp.Compare(slices.Index(Algorithms(), a.Algorithm), slices.Index(Algorithms(), b.Algorithm)),
			cmp.Compare(a.Number, b.Number),
		)
	})
	for i, k := range s.held {
		if i+1 < len(s.held) && s.held[i+1].Algorithm == k.Algorithm {
			k.SignsUntil = s.held[i+1].SignsFrom
			k.PublishedUntil = k.SignsUntil.Add(PublishedAfter)
		}
	}
	return s
}

// take opens a row, unless it is open already.
func take(sealer *Sealer, row Stored, before *set) (*held, error) {
	k := &held{sealed: string(row.Sealed), Key: Key{
		ID: row.ID, Algorithm: row.Algorithm, Number: row.Number, CreatedAt: row.CreatedAt, SignsFrom: row.SignsFrom,
	}}
	if before != nil {
		if old := before.byID[row.ID]; old != nil && old.same(k) {
			k.private, k.Public = old.private, old.Public
			return k, nil
		}
	}
	der, err := sealer.Open(row.Sealed, row.bind())
	if err != nil {
		return nil, err
	}
	if k.private, err = parsePrivate(der); err != nil {
		return nil, err
	}
	k.Public = k.private.Public()
	id, err := thumbprint(k.Public)
	switch {
	case err != nil:
		return nil, err
	case id != row.ID, !row.Algorithm.suits(k.Public):
		return nil, errors.New("webkeys: another key than it says")
	}
	return k, nil
}

// same reports whether two are one row.
func (k *held) same(o *held) bool {
	return k.sealed == o.sealed && k.Algorithm == o.Algorithm && k.Number == o.Number && k.SignsFrom.Equal(o.SignsFrom)
}

// bind names the row that a private key is sealed for.
func (r Stored) bind() []byte {
	return fmt.Appendf(nil, "ringfence.webkeys.v1 %s %s %d %d", r.ID, r.Algorithm, r.Number, r.SignsFrom.UnixMicro())
}

func parsePrivate(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("webkeys: a key that signs nothing")
	}
	return signer, nil
}

// thumbprint is a public key's id.
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// of gives the keys of an algorithm.
func (s *set) of(a Algorithm) []*held {
	var all []*held
	for _, k := range s.held {
		if k.Algorithm == a {
			all = append(all, k)
		}
	}
	return all
}

// signing gives the key of an algorithm that signs at a time; nil where there is
// none. The first one signs whatever its time says: the clock of the server that
// made it may be ahead.
func (s *set) signing(a Algorithm, now time.Time) *held {
	all := s.of(a)
	for _, k := range slices.Backward(all) {
		if !now.Before(k.SignsFrom) {
			return k
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// highest is the last number taken of an algorithm.
func (s *set) highest(a Algorithm) uint64 {
	var n uint64
	for _, row := range s.rows {
		if row.Algorithm == a {
			n = max(n, row.Number)
		}
	}
	return n
}

// published gives the keys that are published at a time.
func (s *set) published(now time.Time) []*held {
	var all []*held
	for _, k := range s.held {
		if k.stateAt(now) != Gone {
			all = append(all, k)
		}
	}
	return all
}
