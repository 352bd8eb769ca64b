package scim

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"ringfence/internal/directory"
)

var (
	errNoToken     = &problem{status: http.StatusUnauthorized, detail: "a token that works is needed"}
	errTooManyBad  = &problem{status: http.StatusTooManyRequests, detail: "too many requests without a token that works"}
	errNoAuthority = errors.New("the token is missing")
)

// admit says whose token a call shows. What is wrong with another one is not
// said.
func (h *Handler) admit(c *call) (directory.Token, error) {
	network := c.network()
	secret, err := bearer(c.Header.Values("Authorization"))
	lookup := ""
	if err == nil {
		lookup, _, err = directory.ParseSecret(secret)
	}
	// Who has guessed too often is not even asked about, but for tokens that
	// were good before: behind one address there may be others.
	if h.knocks.spent(network) && (err != nil || !h.knocks.wasGood(lookup)) {
		return directory.Token{}, errTooManyBad
	}
	var token directory.Token
	if err == nil {
		token, err = h.c.Tokens.Authenticate(c.Context(), secret)
	}
	switch {
	case err == nil:
		h.knocks.good(lookup)
		return token, nil
	case errors.Is(err, errNoAuthority), errors.Is(err, directory.ErrTokenUnknown):
		h.knocks.bad(network, lookup)
		return directory.Token{}, errNoToken
	default:
		return directory.Token{}, err
	}
}

// bearer takes the token out of the header (RFC 6750, 2.1).
func bearer(headers []string) (string, error) {
	if len(headers) != 1 {
		return "", errNoAuthority
	}
	scheme, secret, ok := strings.Cut(headers[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", errNoAuthority
	}
	return secret, nil
}

// How often a network may fail, and how many are remembered. Those of the last
// one to two generations are: whoever is forgotten starts anew.
const (
	failuresPerSecond = 0.5
	failuresAtOnce    = 10
	generation        = 1 << 14
	mostGood          = 1 << 8
)

// knocks counts failures by network, and remembers the public halves of tokens
// that let somebody in.
type knocks struct {
	now func() time.Time

	mu         sync.Mutex // guards all below
	young, old map[string]*rate.Limiter
	lookups    map[string]bool
}

func newKnocks(now func() time.Time) *knocks {
	return &knocks{now: now, young: make(map[string]*rate.Limiter), lookups: make(map[string]bool)}
}

// spent reports whether a network has no failure left.
func (k *knocks) spent(network string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.young[network]
	if !ok {
		b, ok = k.old[network]
	}
	return ok && b.TokensAt(k.now()) < 1
}

// bad counts a failure. What does not work any more is not known as good.
func (k *knocks) bad(network, lookup string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.lookups, lookup)
	b, ok := k.young[network]
	if !ok {
		if b, ok = k.old[network]; !ok {
			b = rate.NewLimiter(failuresPerSecond, failuresAtOnce)
		}
		if len(k.young) >= generation {
			k.old, k.young = k.young, make(map[string]*rate.Limiter)
		}
		k.young[network] = b
	}
	b.AllowN(k.now(), 1)
}

func (k *knocks) good(lookup string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.lookups) < mostGood {
		k.lookups[lookup] = true
	}
}

func (k *knocks) wasGood(lookup string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lookups[lookup]
}
