package chaos

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/agent/session"
	"ringfence/internal/audit/ledger"
	"ringfence/internal/ctlconfig"
	auditv1 "ringfence/proto/mdm/audit/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// administrator does what administrators do, all at once, and remembers what the
// servers have acknowledged.
type administrator struct {
	name   string
	world  *world
	dice   *dice
	conn   *grpc.ClientConn
	enroll enrollv1.EnrollmentAdminServiceClient
	wipe   wipev1.WipeAdminServiceClient
	ask    wipev1.WipeRequestServiceClient
	whole  wipev1.CompanyDeviceAdminServiceClient
	audit  auditv1.AuditServiceClient

	mu sync.Mutex // guards what follows
	// requests are those that were acknowledged, by id; stopped those whose stop
	// was, and cancelled the orders whose cancel was.
	requests  map[string]bool
	stopped   []string
	cancelled []string
	counts    map[string]int
}

func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (w *world) connect(name string, c ctlconfig.Context, stream uint64) (*administrator, error) {
	certificate, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.Key))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(c.CA))
	a := &administrator{name: name, world: w, dice: newDice(w.o.Seed, stream), requests: make(map[string]bool), counts: make(map[string]int)}
	f := &faults{dice: a.dice, calm: func() bool { return w.calm.Load() || len(w.phones) == 0 }}
	a.conn, err = grpc.NewClient(w.admin.address(), grpc.WithUnaryInterceptor(f.intercept),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13,
		})))
	if err != nil {
		return nil, err
	}
	a.enroll, a.wipe = enrollv1.NewEnrollmentAdminServiceClient(a.conn), wipev1.NewWipeAdminServiceClient(a.conn)
	a.ask, a.whole = wipev1.NewWipeRequestServiceClient(a.conn), wipev1.NewCompanyDeviceAdminServiceClient(a.conn)
	a.audit = auditv1.NewAuditServiceClient(a.conn)
	return a, nil
}

// widen has the limits set so that chaos is not stopped by them: alice asks, and
// bob approves; she cannot do so herself.
func (w *world) widen(ctx context.Context) error {
	alice, bob := w.admins[0], w.admins[1]
	now, err := alice.ask.GetGovernance(ctx, &wipev1.GetGovernanceRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	asked, err := alice.ask.ChangeLimits(ctx, &wipev1.ChangeLimitsRequest{
		RequestKey: newKey(), Reason: "chaos", Limits: &wipev1.Limits{
			Version:       now.GetLimits().GetVersion(),
			PersonPerHour: 100000, PersonPerDay: 100000, HelpDeskPerHour: 1, HelpDeskPerDay: 1,
			OrganizationPerHour: 100000, OrganizationPerDay: 100000, QuorumAbove: 3,
			NewCredential: durationpb.New(0), CoolingOff: durationpb.New(2 * time.Second),
			BreakerPercent: 25, BreakerFloor: 10, BreakerWindow: durationpb.New(time.Minute),
		},
	})
	if err != nil {
		return err
	}
	id := asked.GetRequest().GetId()
	if _, err := alice.ask.ApproveRequest(ctx, &wipev1.ApproveRequestRequest{Id: id}); reason(err) != "SELF_APPROVAL" {
		return broken("who asked for other limits could approve them: %v", err)
	}
	_, err = bob.ask.ApproveRequest(ctx, &wipev1.ApproveRequestRequest{Id: id}, grpc.WaitForReady(true))
	return err
}

func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// live does one thing after the other.
func (a *administrator) live(ctx context.Context) {
	deeds := []struct {
		name string
		do   func(context.Context) error
	}{
		{"order", a.order}, {"order", a.order}, {"order", a.order}, {"bulk", a.bulk},
		{"approve", a.approve}, {"approve", a.approve}, {"approve", a.approve}, {"reject", a.reject}, {"stop", a.stop},
		{"cancel", a.cancel}, {"user-wipe", a.wipeUser}, {"lift", a.lift}, {"whole device", a.wipeWhole}, {"close breaker", a.closeBreaker},
	}
	for session.Wait(ctx, a.dice.between(10*time.Millisecond, 150*time.Millisecond)) == nil {
		deed := pick(a.dice, deeds)
		call, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := deed.do(call)
		cancel()
		if v, ok := errors.AsType[*violation](err); ok {
			a.world.violate(v)
			return
		}
		if !errors.Is(err, errNothing) {
			a.note(deed.name, err)
		}
	}
}

// errNothing says that there was nothing to do it to.
var errNothing = errors.New("nothing was done")

// note counts how a deed ended.
func (a *administrator) note(deed string, err error) {
	how := "ok"
	if err != nil {
		how = reason(err)
		if how == "" {
			how = status.Code(err).String()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[deed+": "+how]++
}

// retried makes a call again, with the same request key, while its answer is lost.
func retried[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for {
		answer, err := call()
		if c := status.Code(err); c != codes.Unavailable && c != codes.Aborted || reason(err) != "" {
			return answer, err
		}
		if session.Wait(ctx, 50*time.Millisecond) != nil {
			return answer, err
		}
	}
}

func (a *administrator) remember(r *wipev1.WipeRequest, err error) error {
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests[r.GetId()] = true
	return nil
}

// settle ends what would keep the world from coming to rest: what waits is
// rejected, standing wipes are lifted, and the breaker closes.
func (a *administrator) settle(ctx context.Context, other *administrator) error {
	for {
		r, err := a.ask.ListRequests(ctx, &wipev1.ListRequestsRequest{State: wipev1.RequestState_REQUEST_STATE_WAITING, PageSize: 1000}, grpc.WaitForReady(true))
		if err != nil {
			return err
		}
		if len(r.GetRequests()) == 0 {
			break
		}
		for _, one := range r.GetRequests() {
			_, err := retried(ctx, func() (*wipev1.RejectRequestResponse, error) {
				return a.ask.RejectRequest(ctx, &wipev1.RejectRequestRequest{Id: one.GetId(), Reason: "chaos is over"})
			})
			if err != nil && reason(err) != "REQUEST_FINISHED" {
				return err
			}
		}
	}
	if err := a.liftSome(ctx, 1<<20); err != nil {
		return err
	}
	last := &wipev1.CloseBreakerRequest{RequestKey: newKey(), Reason: "chaos is over"}
	closing, err := retried(ctx, func() (*wipev1.CloseBreakerResponse, error) { return a.ask.CloseBreaker(ctx, last) })
	if reason(err) == "BREAKER_CLOSED" {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = retried(ctx, func() (*wipev1.ApproveRequestResponse, error) {
		return other.ask.ApproveRequest(ctx, &wipev1.ApproveRequestRequest{Id: closing.GetRequest().GetId()})
	})
	return err
}

// orders gives every order there is.
func (a *administrator) orders(ctx context.Context) (all []*wipev1.Order, err error) {
	token := ""
	for {
		r, err := retried(ctx, func() (*wipev1.ListWipesResponse, error) {
			return a.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{PageSize: 1000, PageToken: token})
		})
		if err != nil {
			return nil, err
		}
		all = append(all, r.GetOrders()...)
		if token = r.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

// underWay counts the orders that have not come to an end.
func (a *administrator) underWay(ctx context.Context) (n int, err error) {
	orders, err := a.orders(ctx)
	for _, o := range orders {
		switch o.GetState() {
		case wipev1.State_STATE_PENDING, wipev1.State_STATE_DELIVERED, wipev1.State_STATE_ACKNOWLEDGED:
			n++
		}
	}
	return n, err
}

// head gives the audit log's newest signed head.
func (a *administrator) head(ctx context.Context) (ledger.Head, error) {
	r, err := a.audit.GetHead(ctx, &auditv1.GetHeadRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return ledger.Head{}, err
	}
	key, err := note.NewVerifier(r.GetVerifierKey())
	if err != nil {
		return ledger.Head{}, err
	}
	h, err := ledger.OpenHead(r.GetNote(), key)
	if err != nil {
		return h, broken("a head of the audit log does not verify: %v", err)
	}
	return h, nil
}
