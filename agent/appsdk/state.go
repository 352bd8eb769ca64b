package appsdk

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"ringfence/agent/appsdk/pin"
	"ringfence/agent/appsdk/terms"
	"ringfence/agent/lease"
	"ringfence/agent/wipe"
	"ringfence/internal/apprules"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// state is all that the SDK knows. It is one record of the vault.
type state struct {
	Tag string `json:"tag"`
	// Beginning is a registration under way.
	Beginning *beginning `json:"beginning,omitempty"`
	// Registration is the present one, ended or not.
	Registration *registration `json:"registration,omitempty"`
	// Ended is when the server said that the registration is over.
	Ended *time.Time `json:"ended,omitempty"`
	// Gone says that the account's data goes, or has gone.
	Gone *gone `json:"gone,omitempty"`
	// Former is how the last registration ended.
	Former *former `json:"former,omitempty"`
	// Spent names keys to sign with that wait to be destroyed.
	Spent   []string     `json:"spent,omitempty"`
	Journal wipe.Journal `json:"journal,omitzero"`

	// Number is that of the last report that was sent.
	Number uint64 `json:"number,omitempty"`
	// Lease and Policy are what the account opens by; see policy.
	Lease   *terms.Lease   `json:"lease,omitempty"`
	Policy  []byte         `json:"policy,omitempty"`
	Silence *lease.Silence `json:"silence,omitempty"`
	// Server is what the server found at the last check-in, and Due when the next
	// one is, by the server's clock.
	Server []kept    `json:"server,omitempty"`
	Due    time.Time `json:"due,omitzero"`

	PIN    pinState `json:"pin,omitzero"`
	Opened opened   `json:"opened,omitzero"`
}

// beginning is a registration that has been sent, or is about to be.
type beginning struct {
	Key string `json:"key"`
	// Challenge and Token are empty until they are there.
	Challenge []byte    `json:"challenge,omitempty"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	Issuers   []issuer  `json:"issuers,omitempty"`
	Token     string    `json:"token,omitempty"`
	Request   []byte    `json:"request,omitempty"`
	Level     int       `json:"level,omitempty"`
}

type issuer struct {
	URL     string   `json:"url"`
	Clients []string `json:"clients"`
}

// registration is one epoch.
type registration struct {
	Server string `json:"server"`
	ID     string `json:"id"`
	Epoch  uint64 `json:"epoch"`
	User   string `json:"user"`
	// Issuer and Subject are who signed in.
	Issuer  string   `json:"issuer"`
	Subject string   `json:"subject"`
	Issuers []issuer `json:"issuers"`
	// Bundle are the roots for the server, for orders and for leases, DER.
	Bundle  [][]byte   `json:"bundle"`
	Current credential `json:"current"`
	// Next is the renewed one until it has been used. Its chain is empty until it
	// is issued.
	Next *credential `json:"next,omitempty"`
}

// credential is a certificate and the name of its key.
type credential struct {
	Key        string    `json:"key"`
	Chain      [][]byte  `json:"chain,omitempty"`
	RenewAfter time.Time `json:"renewAfter,omitzero"`
}

// The causes for which an account's data goes.
const (
	signedOut = "signed-out"
	ordered   = "order"
	ranOut    = "lease"
	wrongPINs = "pin"
	ended     = "ended"
)

// gone is the end of an account's data.
type gone struct {
	Cause string `json:"cause"`
	// Done: it has gone. Until then it goes.
	Done  bool       `json:"done,omitempty"`
	At    time.Time  `json:"at"`
	Tally wipe.Tally `json:"tally"`
	// LeaseNumber and Revision are what the app went by.
	LeaseNumber uint64 `json:"leaseNumber,omitempty"`
	Revision    string `json:"revision,omitempty"`
}

// former is a registration that is gone from the app.
type former struct {
	ID    string    `json:"id"`
	Epoch uint64    `json:"epoch"`
	Cause string    `json:"cause"`
	At    time.Time `json:"at"`
}

// kept is a finding of the server's.
type kept struct {
	Check     string          `json:"check"`
	Threshold string          `json:"threshold,omitempty"`
	Actual    string          `json:"actual,omitempty"`
	Action    apprules.Action `json:"action"`
	RemedyKey string          `json:"remedyKey,omitempty"`
	Remedy    string          `json:"remedy,omitempty"`
	Link      string          `json:"link,omitempty"`
}

// pinState is the PIN, by its verifiers.
type pinState struct {
	// Secret is the account's, wrapped by the key store.
	Secret []byte `json:"secret,omitempty"`
	// History has the present PIN first, then those before.
	History []pin.Verifier `json:"history,omitempty"`
	// ChangedAt and UsedAt are by the server's clock.
	ChangedAt time.Time `json:"changedAt,omitzero"`
	UsedAt    time.Time `json:"usedAt,omitzero"`
	// Failures counts the wrong PINs since the last right one, with one that is
	// being checked.
	Failures uint32 `json:"failures,omitempty"`
	// Biometrics names the set that was enrolled when the PIN was last given.
	Biometrics string `json:"biometrics,omitempty"`
}

// opened is when the person last passed all that is asked, or was active since.
type opened struct {
	At time.Time `json:"at,omitzero"`
	// Boot is the life of the phone in which that was.
	Boot string `json:"boot,omitempty"`
}

// policy gives the policy that the account opens by: the kept one, if it is the
// one that the kept lease names.
func (st *state) policy() (*apprules.Effective, error) {
	if st.Lease == nil || len(st.Policy) == 0 || st.Gone != nil || st.Ended != nil {
		return nil, terms.ErrPolicy
	}
	m := &appprotectv1.EffectivePolicy{}
	if err := proto.Unmarshal(st.Policy, m); err != nil {
		return nil, fmt.Errorf("%w: %w", terms.ErrPolicy, err)
	}
	return terms.ReadPolicy(m, st.Lease.Revision)
}

// lasting gives the registration while it lasts.
func (st *state) lasting() (registration, error) {
	if st.Registration == nil || st.Ended != nil {
		return registration{}, ErrNotRegistered
	}
	return *st.Registration, nil
}

// wipes names the orders that the app knows of.
func (st *state) wipes() (pending, done []string) {
	const most = 16
	if c := st.Journal.Current; c != nil {
		pending = append(pending, c.OrderID)
	}
	for i := len(st.Journal.Past) - 1; i >= 0 && len(done) < most; i-- {
		if p := st.Journal.Past[i]; p.Phase == wipe.Finished {
			done = append(done, p.OrderID)
		}
	}
	return pending, done
}

// shut forgets what the account opens by.
func (st *state) shut() {
	st.Lease, st.Policy, st.Silence, st.Server = nil, nil, nil, nil
	st.PIN, st.Opened, st.Due = pinState{}, opened{}, time.Time{}
}

// identityKeys names the keys of a registration.
func (r *registration) identityKeys() []string {
	keys := []string{r.Current.Key}
	if r.Next != nil {
		keys = append(keys, r.Next.Key)
	}
	return keys
}

// change changes the state, durably: fn gets a copy, which counts once it is
// written.
func (s *SDK) change(fn func(st *state) error) error {
	if s.vault == nil {
		return errShut
	}
	next, err := decode(s.raw)
	if err != nil {
		return err
	}
	if err := fn(&next); err != nil {
		return err
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := s.vault.Save(raw); err != nil {
		return fmt.Errorf("write the account's state: %w", err)
	}
	s.raw, s.st = raw, next
	s.cached = nil
	return nil
}

func decode(raw []byte) (state, error) {
	var st state
	if len(raw) == 0 {
		return st, nil
	}
	err := json.Unmarshal(raw, &st)
	return st, err
}
