package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// watch opens the doorbell and takes its first message.
func (h *handset) watch(tb testing.TB) compliancev1.ComplianceService_WatchClient {
	tb.Helper()
	stream, err := h.compliance.Watch(tb.Context(), &compliancev1.WatchRequest{})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		tb.Fatalf("first ring: %v", err)
	}
	return stream
}

// streamEnd reads a stream to its end and gives the error.
func streamEnd(tb testing.TB, stream compliancev1.ComplianceService_WatchClient) error {
	tb.Helper()
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := stream.Recv(); err != nil {
				ended <- err
				return
			}
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		tb.Fatal("the stream did not end")
		return nil
	}
}

// pair gives two servers on one installation: the same one twice on SQLite,
// two on PostgreSQL.
func pair(t *testing.T, run func(t *testing.T, one, two *server)) {
	t.Run("one server on sqlite", func(t *testing.T) {
		s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
		run(t, s, s)
	})
	t.Run("two servers on postgres", func(t *testing.T) {
		i := install(t, dbtest.DSN(t, sqldb.Postgres), nil)
		one := i.start(t)
		run(t, one, i.start(t))
	})
}

func TestRetireWorksAtOnce(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := one.admin(t)
		h := one.join(t, a.token(t))
		h.connect(t, two)
		stream := h.watch(t)
		if _, err := a.enroll.RetireDevice(t.Context(), &enrollv1.RetireDeviceRequest{Id: h.id, Reason: "lost"}); err != nil {
			t.Fatal(err)
		}
		_, err := h.compliance.GetManifest(t.Context(), &compliancev1.GetManifestRequest{})
		wantStatus(t, "a call after it was retired", err, codes.Unauthenticated, "ENROLLMENT_ENDED")
		wantStatus(t, "the open stream", streamEnd(t, stream), codes.Unauthenticated, "ENROLLMENT_ENDED")

		_, err = a.enroll.RetireDevice(t.Context(), &enrollv1.RetireDeviceRequest{Id: h.id, Reason: "again"})
		wantStatus(t, "retiring again", err, codes.OK, "")
	})
}

func TestLeave(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := one.admin(t)
		h := one.join(t, a.token(t))
		stream := h.watch(t)
		order := a.order(t, h.id, workProfile)
		if _, err := h.enroll.Leave(t.Context(), &enrollv1.LeaveRequest{}); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, "the open stream", streamEnd(t, stream), codes.Unauthenticated, "ENROLLMENT_ENDED")
		_, err := h.enroll.Leave(t.Context(), &enrollv1.LeaveRequest{})
		wantStatus(t, "leaving again", err, codes.Unauthenticated, "ENROLLMENT_ENDED")
		got, err := two.admin(t).wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: order.GetId()})
		if err != nil || got.GetOrder().GetState() != wipev1.State_STATE_EXPIRED {
			t.Errorf("the order of the ended epoch: %v, %v, want expired", got.GetOrder(), err)
		}
	})
}

func TestRenew(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		h := one.join(t, one.admin(t).token(t))
		old := *h
		h.key = newKey(t)
		res, err := old.enroll.Renew(t.Context(), &enrollv1.RenewRequest{CertificateRequest: newCSR(t, h.key)})
		if err != nil {
			t.Fatal(err)
		}
		h.chain = res.GetCertificateChain()
		call := func(h *handset) error {
			_, err := h.compliance.GetManifest(t.Context(), &compliancev1.GetManifestRequest{})
			return err
		}
		wantStatus(t, "the old certificate before the new one was used", call(&old), codes.OK, "")
		h.connect(t, two)
		wantStatus(t, "the new certificate", call(h), codes.OK, "")
		wantStatus(t, "the old certificate afterwards", call(&old), codes.Unauthenticated, "CERTIFICATE_SUPERSEDED")
	})
}

func TestReenrolmentOpensANewEpoch(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := one.admin(t)
		tag := func(r *enrollv1.JoinRequest) { r.HardwareTag = "phone-" + strings.ReplaceAll(t.Name(), "/", ".")[:20] }
		first := one.join(t, a.token(t), tag)
		order := a.order(t, first.id, workProfile)
		second := two.join(t, a.token(t), tag)
		if second.id != first.id || second.epoch != first.epoch+1 {
			t.Fatalf("second enrolment = %s epoch %d, want %s epoch %d", second.id, second.epoch, first.id, first.epoch+1)
		}
		_, err := first.wipe.FetchOrders(t.Context(), &wipev1.FetchOrdersRequest{})
		wantStatus(t, "the old epoch", err, codes.Unauthenticated, "ENROLLMENT_ENDED")
		orders, err := second.wipe.FetchOrders(t.Context(), &wipev1.FetchOrdersRequest{})
		if err != nil || len(orders.GetOrders()) != 0 {
			t.Errorf("the new epoch gets %v, %v, want no orders", orders, err)
		}
		got, err := a.wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: order.GetId()})
		if err != nil || got.GetOrder().GetState() != wipev1.State_STATE_EXPIRED {
			t.Errorf("the old order: %v, %v, want expired", got.GetOrder(), err)
		}
	})
}

func TestTwoPhonesRaceForOneToken(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		secret := one.admin(t).token(t)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			s := []*server{one, two}[i%2]
			client := enrollv1.NewEnrollmentServiceClient(dial(t, s.at.Device, s.roots(t), nil))
			req := joinRequest(secret, newCSR(t, newKey(t)))
			wg.Go(func() { _, errs[i] = client.Join(t.Context(), req) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantStatus(t, "a loser", err, codes.FailedPrecondition, "TOKEN_USED_UP")
		}
		if won != 1 {
			t.Errorf("%d phones joined with a single-use token", won)
		}
	})
}

func TestPolicyRingsTheOtherServer(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := one.admin(t)
		h := one.join(t, a.token(t))
		h.connect(t, two)
		stream := h.watch(t)
		a.apply(t, pinPolicy("all", 6))
		ring, err := stream.Recv()
		if err != nil || ring.GetManifestRevision() == "" {
			t.Fatalf("ring = %v, %v", ring, err)
		}
		manifest, err := h.compliance.GetManifest(t.Context(), &compliancev1.GetManifestRequest{})
		if err != nil || manifest.GetRevision() != ring.GetManifestRevision() {
			t.Errorf("manifest %v, %v, want revision %s", manifest.GetRevision(), err, ring.GetManifestRevision())
		}
		if got := manifest.GetManifest().GetPins()[0].GetMinimumLength(); got != 6 {
			t.Errorf("minimum length = %d, want 6", got)
		}
	})
}

func TestCancelAndPromiseRace(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a, b := one.admin(t), two.admin(t)
		h := one.join(t, a.token(t))
		for range 10 {
			order := a.order(t, h.id, appData("com.example.mail"))
			if _, err := h.wipe.FetchOrders(t.Context(), &wipev1.FetchOrdersRequest{}); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			var cancelled, promised error
			wg.Go(func() {
				_, cancelled = b.wipe.CancelWipe(t.Context(), &wipev1.CancelWipeRequest{Id: order.GetId(), Reason: "found"})
			})
			wg.Go(func() {
				_, promised = h.wipe.ReportOrder(t.Context(), &wipev1.ReportOrderRequest{
					OrderId: order.GetId(), Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
				})
			})
			wg.Wait()
			if (cancelled == nil) == (promised == nil) {
				t.Fatalf("cancel: %v, promise: %v; want exactly one to win", cancelled, promised)
			}
			if promised == nil {
				wantStatus(t, "cancelling a promised order", cancelled, codes.FailedPrecondition, "ORDER_ACKNOWLEDGED")
				if _, err := h.wipe.ReportOrder(t.Context(), &wipev1.ReportOrderRequest{
					OrderId: order.GetId(), Report: &wipev1.ReportOrderRequest_Failed{Failed: &wipev1.Failed{Reason: "a test"}},
				}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			wantStatus(t, "promising a cancelled order", promised, codes.FailedPrecondition, "ORDER_CANCELLED")
		}
	})
}

func TestDrainEndsStreams(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	h := s.join(t, s.admin(t).token(t))
	stream := h.watch(t)
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	wantStatus(t, "the open stream", streamEnd(t, stream), codes.Unavailable, "")
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the server did not stop")
	}
}

func TestRestartForgetsNothing(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		i := install(t, dsn, nil)
		s := i.start(t)
		a := s.admin(t)
		h := s.join(t, a.token(t))
		a.apply(t, pinPolicy("all", 6))
		if _, err := h.compliance.CheckIn(t.Context(), report(time.Now(), 4, "")); err != nil {
			t.Fatal(err)
		}
		order := a.order(t, h.id, workProfile)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}

		again := i.start(t)
		h.connect(t, again)
		orders, err := h.wipe.FetchOrders(t.Context(), &wipev1.FetchOrdersRequest{})
		if err != nil || len(orders.GetOrders()) != 1 || orders.GetOrders()[0].GetOrderId() != order.GetId() {
			t.Errorf("orders after the restart = %v, %v", orders, err)
		}
		res, err := again.admin(t).compliance.GetDeviceCompliance(t.Context(), &compliancev1.GetDeviceComplianceRequest{DeviceId: h.id})
		if err != nil || res.GetVerdict().GetStanding() != compliancev1.Standing_STANDING_NON_COMPLIANT {
			t.Errorf("verdict after the restart = %v, %v", res.GetVerdict(), err)
		}
	})
}

func TestSecondServerOnSQLiteIsRefused(t *testing.T) {
	i := install(t, dbtest.DSN(t, sqldb.SQLite), nil)
	i.start(t)
	err := serve(t.Context(), i.config(), io.Discard, nil)
	if err == nil || !strings.Contains(err.Error(), "open") {
		t.Errorf("a second server on one SQLite file: %v", err)
	}
}

// TestForeignAuthority starts a second data folder on a database in use.
func TestForeignAuthority(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		first := install(t, dsn, nil).start(t)
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		err := serve(t.Context(), install(t, dsn, nil).config(), io.Discard, nil)
		if err == nil || !strings.Contains(err.Error(), "copy its pki folder") {
			t.Errorf("a server without the installation's authority: %v", err)
		}
	})
}

func TestFirstStart(t *testing.T) {
	i := install(t, dbtest.DSN(t, sqldb.SQLite), nil)
	s := i.start(t)
	for path, want := range map[string]os.FileMode{".": 0o700, "admin/mdmctl.yaml": 0o600, "pki": 0o700} {
		info, err := os.Stat(filepath.Join(i.data, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	log := s.log.String()
	if !strings.Contains(log, filepath.Join(i.data, "admin", "mdmctl.yaml")) {
		t.Error("the log does not say where the credential is")
	}
	if strings.Contains(log, "PRIVATE KEY") || strings.Contains(log, "BEGIN") {
		t.Error("the log holds a credential")
	}
}

// TestFirstStartWithoutAdministrators: a server whose administrators' listener
// is off makes a credential like any other.
func TestFirstStartWithoutAdministrators(t *testing.T) {
	i := install(t, dbtest.DSN(t, sqldb.SQLite), func(c *Config) { c.AdminListen = off })
	s := i.start(t)
	if got, want := s.credential.Server, "localhost:9443"; got != want {
		t.Errorf("the credential is for %q, want %q", got, want)
	}
}

// TestFirstCredentialSurvivesACrash cuts the first start off between the record
// of the first administrator and the file with the credential: the next start
// must make one that works.
func TestFirstCredentialSurvivesACrash(t *testing.T) {
	i := install(t, dbtest.DSN(t, sqldb.SQLite), nil)
	if err := i.start(t).stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(i.data, "admin", "mdmctl.yaml")
	if _, err := os.Lstat(path + ".part"); err == nil {
		t.Error("the draft of the credential is still there")
	}
	if err := os.Rename(path, path+".part"); err != nil {
		t.Fatal(err)
	}
	i.start(t).admin(t).token(t)
}

// TestFirstCredentialComesFirst: where the credential cannot be written, no
// administrator gets on record.
func TestFirstCredentialComesFirst(t *testing.T) {
	i := install(t, dbtest.DSN(t, sqldb.SQLite), nil)
	path := filepath.Join(i.data, "admin", "mdmctl.yaml")
	if err := os.MkdirAll(path+".part/occupied", 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := i.config()
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	if err := serve(t.Context(), cfg, new(syncBuffer), nil); err == nil {
		t.Fatal("a server started that could not write the first credential")
	}
	if err := os.RemoveAll(path + ".part"); err != nil {
		t.Fatal(err)
	}
	i.start(t).admin(t).token(t)
}

func TestOps(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	s.join(t, s.admin(t).token(t))
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready", "/metrics": `rpc_requests_total{`, "/crl/profile.crl": "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.at.Ops+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s = %s, %v: %.200s", path, res.Status, err, body)
		}
		if path == "/crl/profile.crl" && len(body) == 0 {
			t.Error("the revocation list is empty")
		}
	}
}

// TestClientGoesAway closes a connection with a stream on it and sees that the
// server forgets it.
func TestClientGoesAway(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	h := s.join(t, s.admin(t).token(t))
	h.watch(t)
	if got := s.parts.bell.Listening(); got != 1 {
		t.Fatalf("%d streams listen, want 1", got)
	}
	if err := h.conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the subscription", func() (bool, error) { return s.parts.bell.Listening() == 0, errNotYet })
}

// TestOldReportNeverOverwrites sends reports out of order, through either
// server.
func TestOldReportNeverOverwrites(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := one.admin(t)
		a.apply(t, pinPolicy("all", 6))
		h := one.join(t, a.token(t))
		now := time.Now()
		send := func(s *server, at time.Time, digits uint32) {
			h.connect(t, s)
			if _, err := h.compliance.CheckIn(t.Context(), report(at, digits, "")); err != nil {
				t.Fatal(err)
			}
		}
		send(one, now, 4)
		send(two, now.Add(-time.Minute), 8)
		send(one, now.Add(-time.Hour), 8)
		res, err := two.admin(t).compliance.GetDeviceCompliance(t.Context(), &compliancev1.GetDeviceComplianceRequest{DeviceId: h.id})
		if err != nil {
			t.Fatal(err)
		}
		if got := res.GetPosture().GetLocks()[0].GetLength(); got != 4 {
			t.Errorf("the stored PIN length is %d: an older report overwrote the newer", got)
		}
	})
}
