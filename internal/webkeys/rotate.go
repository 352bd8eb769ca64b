package webkeys

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringfence/internal/audit"
)

// Rotate makes the next key of an algorithm, which signs in an hour, and gives
// it. Where a next key waits already, it gives that one: it is safe to retry.
// The first key of an algorithm signs at once.
//
// Errors: Invalid (an algorithm there is not).
func (s *Service) Rotate(ctx context.Context, a Algorithm) (Key, error) {
	if !slices.Contains(Algorithms(), a) {
		return Key{}, errNoAlgorithm()
	}
	now, err := s.newKeys(ctx)
	if err != nil {
		return Key{}, err
	}
	if !now.waiting(a, s.clock()) {
		if now, err = s.add(ctx, now, a, audit.Of(ctx, "webkeys.rotate", "", "")); err != nil {
			return Key{}, err
		}
	}
	all := now.of(a)
	if len(all) == 0 {
		return Key{}, fmt.Errorf("webkeys: no key for %s after one was made", a)
	}
	return all[len(all)-1].view(s.clock()), nil
}

// waiting reports whether the last key of an algorithm has yet to sign.
func (s *set) waiting(a Algorithm, now time.Time) bool {
	all := s.of(a)
	return len(all) > 0 && all[len(all)-1].stateAt(now) == Next
}

// first makes the first key of an algorithm, unless another server just did.
func (s *Service) first(ctx context.Context, a Algorithm) (*set, error) {
	now, err := s.newKeys(ctx)
	if err != nil || now.signing(a, s.clock()) != nil {
		return now, err
	}
	return s.add(ctx, now, a, audit.Server("webkeys.rotate", "", ""))
}

// add makes and stores the key after those of a set, and gives the set with it:
// or with the one that another server was faster to store in its place.
func (s *Service) add(ctx context.Context, now *set, a Algorithm, e audit.Entry) (*set, error) {
	row, err := s.make(now, a)
	if err != nil {
		return nil, err
	}
	e.Target = target(row.ID)
	e.Detail = fmt.Sprintf("key %d for %s, signs from %s", row.Number, a, row.SignsFrom.Format(time.RFC3339))
	if err := s.c.Store.AddKey(ctx, row, e); err != nil && !errors.Is(err, ErrNumberTaken) {
		return nil, err
	}
	return s.newKeys(ctx)
}

// make makes the key after those of a set.
func (s *Service) make(now *set, a Algorithm) (Stored, error) {
	at := s.clock()
	row := Stored{Algorithm: a, Number: now.highest(a) + 1, CreatedAt: at, SignsFrom: at}
	if all := now.of(a); len(all) > 0 {
		row.SignsFrom = at.Add(PublishedBefore)
		// A clock that was set back must not make two keys change places.
		if last := all[len(all)-1].SignsFrom; !row.SignsFrom.After(last) {
			row.SignsFrom = last.Add(PublishedBefore)
		}
	}
	key, err := s.c.Generate(a)
	if err != nil {
		return Stored{}, fmt.Errorf("webkeys: make a key for %s: %w", a, err)
	}
	if row.ID, err = thumbprint(key.Public()); err != nil {
		return Stored{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Stored{}, err
	}
	row.Sealed = s.c.Sealer.Seal(private, row.bind())
	return row, nil
}

func target(id string) string { return "signing-key/" + id }

// Sweep does what is due: it makes the first key for [RS256], makes the next one
// of every algorithm whose key has signed for long enough, and removes keys
// that are not published any more. Call it when the server starts, and every
// few minutes.
func (s *Service) Sweep(ctx context.Context) error {
	if _, err := s.signer(ctx, RS256); err != nil {
		return err
	}
	now, err := s.newKeys(ctx)
	if err != nil {
		return err
	}
	for _, a := range Algorithms() {
		if !now.due(a, s.clock()) {
			continue
		}
		if now, err = s.add(ctx, now, a, audit.Server("webkeys.rotate", "", "")); err != nil {
			return err
		}
	}
	return s.remove(ctx, now)
}

// due reports whether the next key of an algorithm should be made.
func (s *set) due(a Algorithm, now time.Time) bool {
	all := s.of(a)
	return len(all) > 0 && !now.Before(all[len(all)-1].SignsFrom.Add(SignsFor-PublishedBefore))
}

// remove removes what has gone, and what never opened and was followed by a key
// that does.
func (s *Service) remove(ctx context.Context, now *set) error {
	at := s.clock()
	for _, row := range now.rows {
		until := row.SignsFrom.Add(PublishedAfter)
		if k := now.byID[row.ID]; k != nil {
			until = k.PublishedUntil
		}
		if at.Before(until) || !now.followed(row) {
			continue
		}
		e := audit.Server("webkeys.remove", target(row.ID), fmt.Sprintf("key %d for %s is not published any more", row.Number, row.Algorithm))
		if err := s.c.Store.RemoveKey(ctx, row.ID, e); err != nil {
			return err
		}
	}
	return nil
}

// followed reports whether a key that opens comes after a row.
func (s *set) followed(row Stored) bool {
	return slices.ContainsFunc(s.of(row.Algorithm), func(k *held) bool { return k.Number > row.Number })
}
