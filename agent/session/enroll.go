package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/answer"
	"ringfence/agent/trust"
	"ringfence/internal/device"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// EnrollOptions say where to join, and as what.
type EnrollOptions struct {
	// Server is its address, host:port.
	Server string
	// Token is the enrolment token's secret. It is never stored.
	Token string
	// Roots are the server's root certificates, PEM; or else Pin is one's
	// SHA-256 ("sha256:" and 64 hex digits).
	Roots []byte
	Pin   string
	// Model, for example "Pixel 9", and OSVersion, dotted numbers.
	Model, OSVersion string
	// Mode is "work-profile", "fully-managed" or "dedicated".
	Mode string
}

var (
	tokenPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{20,128}$`)

	wireModes = map[device.Mode]enrollv1.Mode{
		device.WorkProfile:  enrollv1.Mode_MODE_WORK_PROFILE,
		device.FullyManaged: enrollv1.Mode_MODE_FULLY_MANAGED,
		device.Dedicated:    enrollv1.Mode_MODE_DEDICATED,
	}
	wireOwnerships = map[enrollv1.Ownership]device.Ownership{
		enrollv1.Ownership_OWNERSHIP_PERSONAL: device.Personal,
		enrollv1.Ownership_OWNERSHIP_COMPANY:  device.Company,
	}
)

// Enroll joins with a token. Repeated with the same token after a lost answer,
// it gets the first answer again, within the ten minutes the server allows.
// ErrEnrolled where an enrolment lasts.
func (s *Session) Enroll(ctx context.Context, o EnrollOptions) (Enrollment, error) {
	known, err := trust.NewAnchor(o.Roots, o.Pin)
	if err != nil {
		return Enrollment{}, err
	}
	host, err := trust.Host(o.Server)
	if err != nil {
		return Enrollment{}, err
	}
	if !tokenPattern.MatchString(o.Token) {
		return Enrollment{}, errors.New("that is not an enrolment token: 20 to 128 letters, digits, - and _")
	}
	mode, ok := wireModes[device.Mode(o.Mode)]
	if !ok {
		return Enrollment{}, fmt.Errorf("%q is not a mode: work-profile, fully-managed or dedicated", o.Mode)
	}
	state, joining, err := s.prepareJoin(o)
	if err != nil {
		return Enrollment{}, err
	}
	conn, err := trust.Connect(o.Server, known.TLS(host, s.o.Now), s.o.DialOptions...)
	if err != nil {
		return Enrollment{}, err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := enrollv1.NewEnrollmentServiceClient(conn).Join(ctx, &enrollv1.JoinRequest{
		Token:              o.Token,
		CertificateRequest: joining.Request,
		HardwareTag:        state.HardwareTag,
		Platform:           enrollv1.Platform_PLATFORM_ANDROID,
		Model:              o.Model,
		OsVersion:          o.OSVersion,
		Mode:               mode,
	})
	if err != nil {
		return Enrollment{}, explainJoin(err, o.Server)
	}
	e, err := s.admit(response, joining, known)
	if err != nil {
		return Enrollment{}, err
	}
	if device.Mode(e.Mode) != device.Mode(o.Mode) {
		return Enrollment{}, fmt.Errorf("the server answered for mode %q, asked was %q", e.Mode, o.Mode)
	}
	return e, s.settle(state, e)
}

// prepareJoin writes down what the join will use: the same for the same token.
func (s *Session) prepareJoin(o EnrollOptions) (State, Joining, error) {
	state, err := s.o.Store.LoadState()
	if err != nil {
		return State{}, Joining{}, err
	}
	if _, err := state.active(); err == nil {
		return State{}, Joining{}, ErrEnrolled
	}
	sum := sha256.Sum256([]byte(o.Token))
	hash := hex.EncodeToString(sum[:])
	if j := state.Joining; j != nil && (j.Server != o.Server || j.TokenHash != hash) {
		if err := s.o.Keys.DeleteKey(j.Key); err != nil {
			return State{}, Joining{}, err
		}
		state.Joining = nil
	}
	if state.Joining == nil {
		state.Joining = &Joining{Server: o.Server, TokenHash: hash, Key: newKeyName()}
	}
	if state.HardwareTag == "" {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		state.HardwareTag = hex.EncodeToString(b[:])
	}
	if err := s.o.Store.SaveState(state); err != nil {
		return State{}, Joining{}, err
	}
	if len(state.Joining.Request) == 0 {
		if _, state.Joining.Request, err = s.keyAndRequest(state.Joining.Key); err != nil {
			return State{}, Joining{}, err
		}
		if err := s.o.Store.SaveState(state); err != nil {
			return State{}, Joining{}, err
		}
	}
	return state, *state.Joining, nil
}

// admit checks the server's answer to a join and makes an enrolment of it.
func (s *Session) admit(r *enrollv1.JoinResponse, j Joining, known trust.Anchor) (Enrollment, error) {
	now := s.o.Now().UTC().Truncate(time.Microsecond)
	id, err := device.ParseID(r.GetDeviceId())
	if err != nil || r.GetEpoch() == 0 {
		return Enrollment{}, errors.New("the server's answer names no device")
	}
	key, err := s.o.Keys.Key(j.Key)
	if err != nil {
		return Enrollment{}, err
	}
	renewAfter, err := trust.CheckChain(r.GetCertificateChain(), key.Public(), r.GetRenewAfter().AsTime(), now)
	if err != nil {
		return Enrollment{}, err
	}
	roots, err := trust.ParseRoots(r.GetTrustBundle())
	if err != nil {
		return Enrollment{}, err
	}
	overlap := false
	for _, root := range roots {
		overlap = overlap || known.Has(root)
	}
	if !overlap {
		return Enrollment{}, errors.New("the server's trust bundle lacks the root that this phone knows it by")
	}
	ownership, mode := wireOwnerships[r.GetOwnership()], device.Mode("")
	for name, wire := range wireModes {
		if wire == r.GetMode() {
			mode = name
		}
	}
	if !mode.Allowed(ownership) {
		return Enrollment{}, fmt.Errorf("the server answered for a phone of ownership %q in mode %q, which cannot be", ownership, mode)
	}
	return Enrollment{
		Server: j.Server, DeviceID: string(id), Epoch: r.GetEpoch(),
		Ownership: string(ownership), Mode: string(mode),
		TrustBundle: r.GetTrustBundle(),
		Current:     Credential{Key: j.Key, Chain: r.GetCertificateChain(), RenewAfter: renewAfter},
		EnrolledAt:  now,
	}, nil
}

// settle makes the enrolment the phone's own. Keys of an ended one go last: a
// key that is still named can be found again.
func (s *Session) settle(state State, e Enrollment) error {
	var old []string
	if state.Enrollment != nil {
		old = State{Enrollment: state.Enrollment}.Keys()
	}
	state.Joining, state.Enrollment, state.Former = nil, &e, nil
	if err := s.o.Store.SaveState(state); err != nil {
		return err
	}
	if err := s.o.Store.SaveStatus(Status{}); err != nil {
		return err
	}
	for _, name := range old {
		if err := s.o.Keys.DeleteKey(name); err != nil {
			return err
		}
	}
	return nil
}

// explainJoin says what a person can do about a refused join.
func explainJoin(err error, server string) error {
	reasons := map[string]string{
		"TOKEN_EXPIRED": "the enrolment token has expired: ask your administrator for a new one",
		"TOKEN_USED_UP": "the enrolment token has been used: ask your administrator for a new one",
		"TOKEN_REVOKED": "the enrolment token was revoked: ask your administrator for a new one",
		"TOKEN_UNKNOWN": "the server does not know this enrolment token: is it typed right, and for this server?",
	}
	if text, ok := reasons[answer.Reason(err)]; ok {
		return fmt.Errorf("%s (%s)", text, answer.Reason(err))
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return fmt.Errorf("cannot reach the server at %s: check the address, the network and the root certificate or pin, then run the same command again: %s",
			server, answer.Text(err))
	case codes.ResourceExhausted:
		return fmt.Errorf("the server is busy or this phone asks too often: wait a minute, then run the same command again: %s", answer.Text(err))
	default:
		return fmt.Errorf("the server refused: %s", answer.Text(err))
	}
}
