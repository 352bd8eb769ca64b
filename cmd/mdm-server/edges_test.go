package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/identity"
	"ringfence/internal/rpc"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestEveryRowRefusesOthers calls every method of every listener as everyone
// who may not.
func TestEveryRowRefusesOthers(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	a := s.admin(t)
	h := s.join(t, a.token(t))
	other := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	foreign := other.join(t, other.admin(t).token(t))
	retired := s.join(t, a.token(t))
	if _, err := a.enroll.RetireDevice(t.Context(), &enrollv1.RetireDeviceRequest{Id: retired.id, Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	adminCertificate, deviceCertificate := s.adminCertificate(t), h.certificate()
	foreignCertificate, retiredCertificate := foreign.certificate(), retired.certificate()
	callers := []struct {
		name   string
		conn   *grpc.ClientConn
		rules  rpc.Rules
		reason string
	}{
		{"nobody on the device listener", dial(t, s.at.Device, s.roots(t), nil), deviceRules(), "CERTIFICATE_REQUIRED"},
		{"nobody on the admin listener", dial(t, s.at.Admin, s.roots(t), nil), adminRules(), "CERTIFICATE_REQUIRED"},
		{"an administrator on the device listener", dial(t, s.at.Device, s.roots(t), &adminCertificate), deviceRules(), "CERTIFICATE_UNKNOWN"},
		{"a device on the admin listener", dial(t, s.at.Admin, s.roots(t), &deviceCertificate), adminRules(), "CERTIFICATE_UNKNOWN"},
		{"a device of another installation", dial(t, s.at.Device, s.roots(t), &foreignCertificate), deviceRules(), "CERTIFICATE_UNKNOWN"},
		{"a retired device", dial(t, s.at.Device, s.roots(t), &retiredCertificate), deviceRules(), "ENROLLMENT_ENDED"},
	}
	for _, c := range callers {
		for method := range c.rules {
			if c.reason == "CERTIFICATE_REQUIRED" && slices.Contains(c.rules[method].Callers, identity.Anonymous) {
				continue
			}
			err := c.conn.Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
			wantStatus(t, c.name+" calls "+method, err, codes.Unauthenticated, c.reason)
		}
	}
}

// TestBadInput sends what nobody should, and looks for what it left behind.
func TestBadInput(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a := s.admin(t)
		h := s.join(t, a.token(t))
		secret := a.token(t)
		stranger := enrollv1.NewEnrollmentServiceClient(dial(t, s.at.Device, s.roots(t), nil))
		good := newCSR(t, newKey(t))
		replayed := newCSR(t, h.key)
		join := func(change func(*enrollv1.JoinRequest)) func(context.Context) error {
			return func(ctx context.Context) error {
				req := joinRequest(secret, good)
				change(req)
				_, err := stranger.Join(ctx, req)
				return err
			}
		}
		csr := func(der []byte) func(context.Context) error {
			return join(func(r *enrollv1.JoinRequest) { r.CertificateRequest = der })
		}
		tampered := bytes.Clone(good)
		tampered[len(tampered)-1] ^= 1
		cases := []struct {
			name  string
			call  func(context.Context) error
			code  codes.Code
			field string
		}{
			{"malformed request", csr(bytes.Repeat([]byte{0x30}, 100)), codes.InvalidArgument, "certificate_request"},
			{"oversized request", csr(make([]byte, 16385)), codes.InvalidArgument, "certificate_request"},
			{"truncated request", csr(good[:len(good)-10]), codes.InvalidArgument, "certificate_request"},
			{"request with more behind it", csr(append(bytes.Clone(good), 0)), codes.InvalidArgument, "certificate_request"},
			{"tampered request", csr(tampered), codes.InvalidArgument, "certificate_request"},
			{"P-224 key", csr(weakEC(t)), codes.InvalidArgument, "certificate_request"},
			{"RSA key of 2048 bits", csr(weakRSA(t)), codes.InvalidArgument, "certificate_request"},
			{"another phone's key", csr(replayed), codes.FailedPrecondition, ""},
			{"unknown token", join(func(r *enrollv1.JoinRequest) { r.Token = strings.Repeat("a", len(r.Token)) }), codes.NotFound, ""},
			{"token with a quote", join(func(r *enrollv1.JoinRequest) { r.Token = "' OR 1=1 --' OR 1=1 --" }), codes.InvalidArgument, "token"},
			{"wrong mode", join(func(r *enrollv1.JoinRequest) { r.Mode = enrollv1.Mode_MODE_FULLY_MANAGED }), codes.FailedPrecondition, ""},
			{"mode out of range", join(func(r *enrollv1.JoinRequest) { r.Mode = 99 }), codes.InvalidArgument, "mode"},
			{"template in the model", join(func(r *enrollv1.JoinRequest) { r.Model = "{{user}}" }), codes.InvalidArgument, "model"},
			{"path in the hardware tag", join(func(r *enrollv1.JoinRequest) { r.HardwareTag = "../../etc" }), codes.InvalidArgument, "hardware_tag"},
			{"report from tomorrow", func(ctx context.Context) error {
				_, err := h.compliance.CheckIn(ctx, report(time.Now().Add(24*time.Hour), 8, ""))
				return err
			}, codes.InvalidArgument, "observed_at"},
			{"report without a posture", func(ctx context.Context) error {
				_, err := h.compliance.CheckIn(ctx, &compliancev1.CheckInRequest{ObservedAt: timestamppb.Now()})
				return err
			}, codes.InvalidArgument, "posture"},
			{"PIN longer than any", func(ctx context.Context) error {
				_, err := h.compliance.CheckIn(ctx, report(time.Now(), 100000, ""))
				return err
			}, codes.InvalidArgument, "posture.locks[0].length"},
			{"certificate nobody asks for", func(ctx context.Context) error {
				_, err := h.compliance.IssueCertificate(ctx, &compliancev1.IssueCertificateRequest{Alias: "work", CertificateRequest: good})
				return err
			}, codes.NotFound, ""},
			{"package that climbs", func(ctx context.Context) error {
				_, err := a.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{
					RequestKey: newID(), DeviceId: h.id, Reason: "a test", Scope: appData("../../0"),
				})
				return err
			}, codes.InvalidArgument, "scope.app_data.packages[0]"},
			{"wipe of no device", func(ctx context.Context) error {
				_, err := a.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{
					RequestKey: newID(), DeviceId: newID(), Reason: "a test", Scope: workProfile,
				})
				return err
			}, codes.NotFound, ""},
			{"wipe of nothing", func(ctx context.Context) error {
				_, err := a.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{
					RequestKey: newID(), DeviceId: h.id, Reason: "a test", Scope: new(wipev1.Scope),
				})
				return err
			}, codes.InvalidArgument, "scope.scope"},
			{"wipes of nothing planned", func(ctx context.Context) error {
				_, err := a.requests.CreateWipes(ctx, &wipev1.CreateWipesRequest{
					RequestKey: newID(), Target: ofDevices(h), Scope: workProfile, Reason: "a test",
				})
				return err
			}, codes.InvalidArgument, "plan_digest"},
			{"wipes of no devices", func(ctx context.Context) error {
				_, err := a.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: ofDevices(), Scope: workProfile})
				return err
			}, codes.InvalidArgument, "target.devices.ids"},
			{"wipes of one device twice", func(ctx context.Context) error {
				_, err := a.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: ofDevices(h, h), Scope: workProfile})
				return err
			}, codes.InvalidArgument, "target.devices.ids"},
			{"relinquishing a personal phone", func(ctx context.Context) error {
				_, err := a.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{
					RequestKey: newID(), DeviceId: h.id, Reason: "a test", Scope: &wipev1.Scope{Scope: &wipev1.Scope_Relinquish{}},
				})
				return err
			}, codes.FailedPrecondition, ""},
			{"a whole device without a reason", func(ctx context.Context) error {
				_, err := a.company.WipeWholeDevice(ctx, &wipev1.WipeWholeDeviceRequest{RequestKey: newID(), CompanyDeviceId: h.id})
				return err
			}, codes.InvalidArgument, "reason"},
			{"a breaker that never opens", func(ctx context.Context) error {
				_, err := a.requests.ChangeLimits(ctx, &wipev1.ChangeLimitsRequest{
					RequestKey: newID(), Limits: &wipev1.Limits{Version: 1, BreakerPercent: 101}, Reason: "a test",
				})
				return err
			}, codes.InvalidArgument, "limits.breaker_percent"},
			{"a lease of an hour", func(ctx context.Context) error {
				_, err := a.requests.SetLease(ctx, &wipev1.SetLeaseRequest{RequestKey: newID(), LockAfter: durationpb.New(time.Hour), Reason: "a test"})
				return err
			}, codes.InvalidArgument, "lock_after"},
			{"a lease that wipes and does not lock", func(ctx context.Context) error {
				_, err := a.requests.SetLease(ctx, &wipev1.SetLeaseRequest{RequestKey: newID(), WipeAfter: durationpb.New(7 * day), Reason: "a test"})
				return err
			}, codes.InvalidArgument, "lock_after"},
			{"a request that was never", func(ctx context.Context) error {
				_, err := a.requests.ApproveRequest(ctx, &wipev1.ApproveRequestRequest{Id: newID()})
				return err
			}, codes.NotFound, ""},
			{"a lease of nobody's", func(ctx context.Context) error {
				_, err := h.wipe.FetchLease(ctx, &wipev1.FetchLeaseRequest{Number: 7})
				return err
			}, codes.FailedPrecondition, ""},
			{"device with a quote", func(ctx context.Context) error {
				_, err := a.enroll.GetDevice(ctx, &enrollv1.GetDeviceRequest{Id: "x'; DROP TABLE enroll_devices; --"})
				return err
			}, codes.InvalidArgument, "id"},
			{"fully managed personal phone", func(ctx context.Context) error {
				_, err := a.enroll.CreateToken(ctx, &enrollv1.CreateTokenRequest{
					RequestKey: newID(), Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_FULLY_MANAGED,
				})
				return err
			}, codes.InvalidArgument, ""},
			{"PIN rule out of range", func(ctx context.Context) error {
				_, err := a.compliance.ApplyPolicy(ctx, pinPolicy("strict", 99))
				return err
			}, codes.InvalidArgument, "spec.pins[0].minimum_length"},
			{"policy that was never", func(ctx context.Context) error {
				_, err := a.compliance.GetPolicy(ctx, &compliancev1.GetPolicyRequest{Name: "nothing"})
				return err
			}, codes.NotFound, ""},
			{"page token of nobody", func(ctx context.Context) error {
				_, err := a.enroll.ListDevices(ctx, &enrollv1.ListDevicesRequest{PageToken: "AAAA"})
				return err
			}, codes.InvalidArgument, "page_token"},
			{"text that is not UTF-8", func(ctx context.Context) error {
				return a.conn.Invoke(ctx, enrollv1.EnrollmentAdminService_GetDevice_FullMethodName,
					rawMessage("\x0a\x02\xff\xfe"), new(emptypb.Empty), grpc.ForceCodecV2(rawCodec{}))
			}, codes.InvalidArgument, "id"},
			{"message of two megabytes", join(func(r *enrollv1.JoinRequest) { r.HardwareTag = strings.Repeat("a", 2<<20) }), codes.ResourceExhausted, ""},
		}
		before := inventory(t, s)
		for _, tt := range cases {
			err := tt.call(t.Context())
			wantStatus(t, tt.name, err, tt.code, "")
			if tt.field != "" && !contains(fieldsOf(err), tt.field) {
				t.Errorf("%s: fields %v do not name %s (%v)", tt.name, fieldsOf(err), tt.field, err)
			}
			if after := inventory(t, s); after != before {
				t.Errorf("%s left something behind: %v, before %v", tt.name, after, before)
			}
		}
		// The token is as good as before all that.
		s.join(t, secret)
		if log := s.log.String(); strings.Contains(log, secret) || strings.Contains(log, "maria") {
			t.Error("the log holds a secret or a person's name")
		}
	})
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}

func weakEC(tb testing.TB) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return newCSR(tb, key)
}

func weakRSA(tb testing.TB) []byte {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return newCSR(tb, key)
}

// inventory counts every row the server keeps.
func inventory(tb testing.TB, s *server) [12]int64 {
	tb.Helper()
	var counts [12]int64
	for i, table := range []string{
		"audit_entries", "enroll_devices", "enroll_tokens", "compliance_policies", "compliance_policy_revisions",
		"compliance_certificates", "compliance_reports", "wipe_orders",
		"wipe_requests", "wipe_leases", "wipe_lease_holders", "wipe_alerts",
	} {
		if err := s.parts.db.Read(tb.Context()).Table(table).Count(&counts[i]).Error; err != nil {
			tb.Fatalf("%s: %v", table, err)
		}
	}
	return counts
}

// TestWatchFlood opens the doorbell a thousand times as one phone.
func TestWatchFlood(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	h := s.join(t, s.admin(t).token(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var open, refused atomic.Int64
	var wg sync.WaitGroup
	for worker := range 20 {
		certificate := h.certificate()
		client := h.compliance
		if worker > 0 { // a phone may open many connections too
			client = compliancev1.NewComplianceServiceClient(dial(t, s.at.Device, s.roots(t), &certificate))
		}
		wg.Go(func() {
			for range 50 {
				attempt, giveUp := context.WithTimeout(ctx, 10*time.Second)
				stream, err := client.Watch(attempt, &compliancev1.WatchRequest{})
				if err == nil {
					_, err = stream.Recv()
				}
				switch status.Code(err) {
				case codes.OK:
					open.Add(1) // stays open until the end of the test
					context.AfterFunc(ctx, giveUp)
					continue
				case codes.ResourceExhausted:
					refused.Add(1)
				default:
					t.Errorf("Watch: %v", err)
				}
				giveUp()
			}
		})
	}
	wg.Wait()
	want := int64(defaultConfig().Limits.StreamsPerDevice)
	if open.Load() != want || refused.Load() != 1000-want {
		t.Errorf("%d streams open and %d refused, want %d and %d", open.Load(), refused.Load(), want, 1000-want)
	}
	if _, err := h.compliance.CheckIn(t.Context(), report(time.Now(), 8, "")); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

// rawMessage goes over the wire as it is.
type rawMessage string

type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(rawMessage))}, nil
}

func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }
