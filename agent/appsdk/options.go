package appsdk

import (
	"errors"
	"regexp"

	"ringfence/agent/appsdk/container"
	"ringfence/agent/trust"
	"ringfence/internal/apprules"
)

// Version is the SDK's own.
const Version = "1.0.0"

// Options say which work account it is, and what the app and the phone give to
// the SDK. Work, Events and Log may be nil.
type Options struct {
	// Server is its address, host:port.
	Server string
	// Roots are the server's root certificates, PEM; or else Pin is one's SHA-256,
	// "sha256:" and 64 hex digits.
	Roots []byte
	Pin   string

	// Package is the app's Android package name, SignerSHA256 the digest of the
	// certificate that signed it, 64 hex digits, AppVersion n.n[.n[.n]].
	Package      string
	SignerSHA256 string
	AppVersion   string

	// Folder is the account's own, with nothing else in it. The folder around it
	// must be there. The phone's backup leaves it out.
	Folder string
	// Account names the account's keys in the key store: 1 to 64 of a-z, 0-9, - .
	// No two accounts share a name.
	Account string
	// DeviceTag says that registrations are on one phone: 32 hex digits that were
	// made at random, once, by the first app. Empty: the SDK makes one; see
	// SDK.DeviceTag.
	DeviceTag string

	Keys   KeyStore
	Clock  Clock
	Phone  Phone
	Work   Work
	Events Events
	Log    Log
}

// KeyStore is the phone's: keys never leave it. Its methods may be called by
// several goroutines at once, and what they have answered is durable.
type KeyStore interface {
	container.KeyStore
	// MakeKey makes a P-256 key to sign with, unless there is one of that name.
	MakeKey(name string) error
	// PublicKey gives the key's SubjectPublicKeyInfo, DER; an error where there is
	// no such key.
	PublicKey(name string) ([]byte, error)
	// Sign signs a SHA-256 digest with ECDSA; ASN.1, as X.509 has it.
	Sign(name string, digest []byte) ([]byte, error)
	// DeleteKey destroys a key to sign with; no error where there is none.
	DeleteKey(name string) error
}

// Clock is the phone's two clocks.
type Clock interface {
	// Wall is the clock on the wall: microseconds since 1970, UTC.
	Wall() int64
	// Boot names the life of the phone since it was switched on, and Uptime is for
	// how long that lasts, asleep or not, in microseconds. A phone that does not
	// know gives "" and 0: then the lease shuts the account and never wipes it.
	Boot() string
	Uptime() int64
}

// Phone looks at the phone. It does not call the SDK.
type Phone interface {
	Look() (*Facts, error)
}

// Work knows the work data that the app has in hand. It is asked before each
// check-in and must not block; of the SDK it may call Files, and nothing else.
type Work interface {
	// UnsyncedChanges counts the changes of work data that the app has not sent to
	// its own server yet: what a wipe would lose. Less than 0 counts as 0, and more
	// than a million as a million.
	UnsyncedChanges() int64
}

// Events hears that something has changed; it then asks the SDK. It must not
// block, and may be called at any time while the SDK is open.
type Events interface {
	// Changed: Decide may come to another answer.
	Changed()
}

// Log takes lines for developers. None holds a PIN, a key, a token or data.
type Log interface {
	Line(text string)
}

// SignIn signs the person in, in the phone's browser.
type SignIn interface {
	// IDToken gives an ID token (OpenID Connect Core 1.0, 2) of one of the issuers,
	// for one of its client ids, with that nonce. It comes straight from the
	// issuer's token endpoint. Close waits for it to return.
	IDToken(r *SignInRequest) (string, error)
}

// SignInRequest is what to sign in with.
type SignInRequest struct {
	Nonce   string
	issuers []issuer
}

// Len tells how many issuers there are, at least one.
func (r *SignInRequest) Len() int { return len(r.issuers) }

// At gives one of them, from 0 to Len-1; nil for any other.
func (r *SignInRequest) At(i int) *Issuer {
	if i < 0 || i >= len(r.issuers) {
		return nil
	}
	given := r.issuers[i]
	return &Issuer{URL: given.URL, clients: given.Clients}
}

// Issuer is an OpenID Connect provider.
type Issuer struct {
	URL     string
	clients []string
}

// Clients tells for how many client ids the token may be.
func (i *Issuer) Clients() int { return len(i.clients) }

// Client gives one of them; "" where there is none.
func (i *Issuer) Client(n int) string {
	if n < 0 || n >= len(i.clients) {
		return ""
	}
	return i.clients[n]
}

var (
	accountPattern = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	tagPattern     = regexp.MustCompile(`^[0-9a-f]{32}$`)
	packagePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$`)
)

// check finds what is wrong with the options.
func (o *Options) check() error {
	switch {
	case o.Folder == "":
		return errors.New("a folder is needed")
	case !accountPattern.MatchString(o.Account):
		return errors.New("the account needs a name of a-z, 0-9 and -")
	case o.Keys == nil || o.Clock == nil || o.Phone == nil:
		return errors.New("a key store, a clock and a phone are needed")
	case len(o.Package) > 255 || !packagePattern.MatchString(o.Package):
		return errors.New("the app's package name is none")
	case !apprules.ValidDigest(o.SignerSHA256):
		return errors.New("the signer's digest is no SHA-256 in hex digits")
	case o.DeviceTag != "" && !tagPattern.MatchString(o.DeviceTag):
		return errors.New("the device tag has 32 hex digits")
	}
	if _, err := apprules.ParseVersion(o.AppVersion); err != nil {
		return errors.New("the app's version has 1 to 4 numbers between points")
	}
	if _, err := trust.Host(o.Server); err != nil {
		return err
	}
	_, err := trust.NewAnchor(o.Roots, o.Pin)
	return err
}

// The names of the account's keys in the key store.
func (o *Options) stateKey() string { return o.Account + ".state" }
func (o *Options) filesKey() string { return o.Account + ".files" }
func (o *Options) pinKey() string   { return o.Account + ".pin" }
