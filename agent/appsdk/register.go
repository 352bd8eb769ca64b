package appsdk

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/answer"
	"ringfence/agent/trust"
	"ringfence/internal/apprules"
	"ringfence/internal/device"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

var errNobody = errors.New("somebody has to sign in")

const (
	nonceFormat   = "ringfence.appprotect.nonce.v1"
	challengeSize = 32
	maxIssuers    = 32
)

// Register signs the person in and registers the account; a first check-in
// follows. What the app kept of the account before is destroyed first. After a
// lost answer, Register sends the same request again, without signing in, for
// as long as the server takes it. ErrRegistered where there is a registration.
func (s *SDK) Register(in SignIn) error {
	if in == nil {
		return errNobody
	}
	s.talk.Lock()
	defer s.talk.Unlock()
	if err := s.life.Err(); err != nil {
		return ErrClosed
	}
	if err := s.makeRoom(); err != nil {
		return err
	}
	known, err := trust.NewAnchor(s.o.Roots, s.o.Pin)
	if err != nil {
		return err
	}
	host, err := trust.Host(s.o.Server)
	if err != nil {
		return err
	}
	conn, err := trust.Connect(s.o.Server, known.TLS(host, s.wallNow), s.dial...)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := s.join(conn, in, known); err != nil {
		return err
	}
	if err := s.lookOnce(); err != nil {
		s.line("the first check-in: " + answer.Text(err))
	}
	s.changed()
	return nil
}

// makeRoom ends what was before.
func (s *SDK) makeRoom() error {
	s.mu.Lock()
	if s.vault == nil {
		defer s.mu.Unlock()
		return s.reset()
	}
	_, err := s.st.lasting()
	lasts, going := err == nil, s.st.Gone != nil
	s.mu.Unlock()
	switch {
	case lasts && !going:
		return ErrRegistered
	case lasts:
		// The server is told how the last one ended, unless it takes the word of
		// that certificate no more: a phone may have been away for longer than its
		// certificate lasts.
		if err := s.lookOnce(); err != nil && !errors.Is(err, errFinished) && !answer.Ended(err) && !answer.Unknown(err) {
			return fmt.Errorf("the end of the last registration: %s", answer.Text(err))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.erase(); err != nil {
		return fmt.Errorf("destroy the account's data: %w", err)
	}
	return s.forget(ended)
}

// join goes through a registration, from wherever the last try got to.
func (s *SDK) join(conn *grpc.ClientConn, in SignIn, known trust.Anchor) error {
	client := appprotectv1.NewAppServiceClient(conn)
	for range 2 {
		b, err := s.begun(client, in)
		if err != nil {
			return err
		}
		ctx, cancel := call(s.life)
		response, err := client.Register(ctx, s.request(b))
		cancel()
		if err == nil {
			return s.admit(response, b, known)
		}
		if !answer.Final(err) {
			return fmt.Errorf("the server did not answer: try again: %s", answer.Text(err))
		}
		if err := s.dropBeginning(); err != nil {
			return err
		}
		if answer.Reason(err) != "CHALLENGE_EXPIRED" {
			return &Refused{Reason: answer.Reason(err), text: answer.Text(err)}
		}
	}
	return &Refused{Reason: "CHALLENGE_EXPIRED", text: "the sign-in took too long: try again"}
}

// Refused is a registration that the server does not want.
type Refused struct {
	// Reason is the server's, for example APP_NOT_ALLOWED; a key for translations.
	Reason string
	text   string
}

// Error gives the server's words.
func (r *Refused) Error() string { return "the server refused: " + r.text }

// begun gives a beginning with a token: the one under way if it has one.
func (s *SDK) begun(client appprotectv1.AppServiceClient, in SignIn) (beginning, error) {
	b, err := s.beginning()
	if err != nil || b.Token != "" {
		return b, err
	}
	key, err := s.signer(b.Key)
	if err != nil {
		return b, err
	}
	ctx, cancel := call(s.life)
	defer cancel()
	begun, err := client.BeginRegistration(ctx, &appprotectv1.BeginRegistrationRequest{Package: s.o.Package})
	if err != nil {
		return b, &Refused{Reason: answer.Reason(err), text: answer.Text(err)}
	}
	if len(begun.GetChallenge()) != challengeSize || len(begun.GetIssuers()) == 0 || len(begun.GetIssuers()) > maxIssuers {
		return b, errors.New("the server's answer is no challenge")
	}
	b.Challenge, b.ExpiresAt, b.Issuers = begun.GetChallenge(), begun.GetExpiresAt().AsTime(), nil
	for _, i := range begun.GetIssuers() {
		b.Issuers = append(b.Issuers, issuer{URL: i.GetUrl(), Clients: i.GetClientIds()})
	}
	n, err := nonce(b.Challenge, key)
	if err != nil {
		return b, err
	}
	if b.Token, err = in.IDToken(&SignInRequest{Nonce: n, issuers: b.Issuers}); err != nil {
		return b, fmt.Errorf("sign in: %w", err)
	}
	if _, err := readToken(b.Token, n, b.Issuers); err != nil {
		return b, err
	}
	err = s.locked(func(st *state) error {
		st.Beginning = &b
		return nil
	})
	return b, err
}

// beginning gives the registration under way, with its key and request, which are
// written down before they are used.
func (s *SDK) beginning() (beginning, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.st.Beginning == nil {
		facts, err := s.facts()
		if err != nil {
			return beginning{}, err
		}
		err = s.change(func(st *state) error {
			st.Beginning = &beginning{Key: s.newKeyName(), Level: int(facts.level())}
			st.Former = nil
			return nil
		})
		if err != nil {
			return beginning{}, err
		}
	}
	if len(s.st.Beginning.Request) == 0 {
		s.progress("before identity key")
		_, request, err := s.keyAndRequest(s.st.Beginning.Key)
		if err != nil {
			return beginning{}, err
		}
		if err := s.change(func(st *state) error {
			st.Beginning.Request = request
			return nil
		}); err != nil {
			return beginning{}, err
		}
	}
	return *s.st.Beginning, nil
}

func (s *SDK) newKeyName() string { return s.o.Account + ".identity." + randomHex(8) }

func (s *SDK) request(b beginning) *appprotectv1.RegisterRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &appprotectv1.RegisterRequest{
		Challenge: b.Challenge, IdToken: b.Token, CertificateRequest: b.Request, DeviceTag: s.st.Tag,
		App: &appprotectv1.AppIdentity{
			Package: s.o.Package, SignerSha256: s.o.SignerSHA256, AppVersion: s.o.AppVersion, SdkVersion: s.sdkVersion,
		},
		Level: appprotectv1.Level(enum(b.Level, apprules.FullyManaged)),
	}
}

// nonce binds an ID token to the challenge and the key.
func nonce(challenge []byte, key *signer) (string, error) {
	der, err := key.keys.PublicKey(key.name)
	if err != nil {
		return "", err
	}
	spki := sha256.Sum256(der)
	sum := sha256.Sum256(slices.Concat([]byte(nonceFormat), []byte{0}, challenge, spki[:]))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// admit checks the server's answer and makes a registration of it.
func (s *SDK) admit(r *appprotectv1.RegisterResponse, b beginning, known trust.Anchor) error {
	id, err := device.ParseID(r.GetRegistrationId())
	if err != nil || r.GetEpoch() == 0 {
		return errors.New("the server's answer names no registration")
	}
	key, err := s.signer(b.Key)
	if err != nil {
		return err
	}
	now := s.wallNow().Truncate(time.Microsecond)
	renewAfter, err := trust.CheckChain(r.GetCertificateChain(), key.Public(), r.GetRenewAfter().AsTime(), now)
	if err != nil {
		return err
	}
	roots, err := trust.ParseRoots(r.GetTrustBundle())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(roots, known.Has) {
		return errors.New("the server's trust bundle lacks the root that this app knows it by")
	}
	who, err := readToken(b.Token, "", b.Issuers)
	if err != nil {
		return err
	}
	return s.locked(func(st *state) error {
		st.Beginning, st.Former = nil, nil
		st.Registration = &registration{
			Server: s.o.Server, ID: string(id), Epoch: r.GetEpoch(), User: r.GetUser(),
			Issuer: who.Issuer, Subject: who.Subject, Issuers: b.Issuers, Bundle: r.GetTrustBundle(),
			Current: credential{Key: b.Key, Chain: r.GetCertificateChain(), RenewAfter: renewAfter},
		}
		return nil
	})
}

// dropBeginning ends a registration that the server does not want.
func (s *SDK) dropBeginning() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropBeginningHere()
}

func (s *SDK) dropBeginningHere() error {
	if s.st.Beginning == nil {
		return nil
	}
	err := s.change(func(st *state) error {
		st.Spent = append(st.Spent, st.Beginning.Key)
		st.Beginning = nil
		return nil
	})
	if err != nil {
		return err
	}
	return s.destroySpent()
}

// locked is change for who does not hold mu.
func (s *SDK) locked(fn func(st *state) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(fn)
}

// lookOnce looks once, on a connection of its own. The caller holds talk.
func (s *SDK) lookOnce() error {
	ctx, cancel := context.WithCancel(s.life)
	defer cancel()
	for range 5 { // a renewed certificate takes a second connection, one that is not taken a third
		err := s.visit(ctx)
		if !errors.Is(err, errReconnect) {
			return err
		}
	}
	return errReconnect
}

func (s *SDK) visit(ctx context.Context) error {
	conn, err := s.ready(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return s.look(ctx, conn)
}
