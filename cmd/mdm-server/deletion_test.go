package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// What must be gone once a record is deleted: the person, the phone, and what
// was on it.
const (
	leaver      = "rosa.leaving@example.com"
	leaverModel = "Foldable 77 Rosé"
	leaverOS    = "16.77.1"
	leaverApp   = "org.example.rosas.choir"
	leaverTag   = "tag-of-rosas-phone"
)

var personal = []string{leaver, "rosa", "Foldable 77", leaverOS, leaverApp, leaverTag}

// places gives "table.column" of everything in the database that holds one of
// the words, whatever its case.
func (s *server) places(tb testing.TB, words ...string) []string {
	tb.Helper()
	var found []string
	for _, table := range tables(tb, s.parts.db) {
		var rows []map[string]any
		if err := s.parts.db.Read(tb.Context()).Table(table).Find(&rows).Error; err != nil {
			tb.Fatal(err)
		}
		for _, row := range rows {
			for column, value := range row {
				text := []byte(fmt.Sprint(value))
				if b, ok := value.([]byte); ok {
					text = b
				}
				for _, w := range words {
					if bytes.Contains(bytes.ToLower(text), []byte(strings.ToLower(w))) {
						found = append(found, table+"."+column)
					}
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func tables(tb testing.TB, db *sqldb.DB) []string {
	tb.Helper()
	query := "SELECT name FROM sqlite_schema WHERE type = 'table'"
	if db.Dialect() == sqldb.Postgres {
		query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	}
	var names []string
	if err := db.Read(tb.Context()).Raw(query).Scan(&names).Error; err != nil || len(names) < 20 {
		tb.Fatalf("tables: %v, %v", names, err)
	}
	return names
}

// rosa is a phone of which the server knows all it can: it has a policy's
// certificate in its user's name, and has reported.
func rosa(tb testing.TB, s *server) *handset {
	tb.Helper()
	a := s.admin(tb)
	policy := pinPolicy("all", 6)
	policy.Spec.ClientCertificates = []*compliancev1.ClientCertificateProfile{{
		Alias: "work", CommonName: "{{user}}", SanEmailAddresses: []string{"{{user}}"},
		KeyType: compliancev1.KeyType_KEY_TYPE_EC_P256, ValidityDays: 30,
	}}
	a.apply(tb, policy)
	secret := a.token(tb, func(r *enrollv1.CreateTokenRequest) { r.User, r.Description = leaver, "for Rosa" })
	h := s.join(tb, secret, func(r *enrollv1.JoinRequest) {
		r.Model, r.OsVersion, r.HardwareTag = leaverModel, leaverOS, leaverTag
	})
	must[*compliancev1.IssueCertificateResponse](tb)(h.compliance.IssueCertificate(tb.Context(), &compliancev1.IssueCertificateRequest{
		Alias: "work", CertificateRequest: newCSR(tb, newKey(tb)),
	}))
	r := report(time.Now(), 8, "")
	r.Posture.OsVersion = leaverOS
	r.Posture.WorkApps = []*compliancev1.WorkApp{{Package: leaverApp, Version: "1", UnsyncedChanges: 3}}
	must[*compliancev1.CheckInResponse](tb)(h.compliance.CheckIn(tb.Context(), r))
	return h
}

// signsIn has a door ask about the phone, so that the sign-in is counted, and what
// was known at the time is kept.
func (s *server) signsIn(tb testing.TB, h *handset) {
	tb.Helper()
	must[access.Answer](tb)(s.parts.access.deciding.Decide(tb.Context(), access.Question{Device: device.ID(h.id), SignIn: access.SignIn{App: "mail"}}))
	if err := s.parts.access.deciding.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// carryOutAll lets the phone fetch its one order, promise, and finish with a
// receipt.
func (h *handset) carryOutAll(tb testing.TB) {
	tb.Helper()
	signed, key := h.only(tb), newKey(tb)
	promise := must[*wipev1.ReportOrderRequest](tb)(h.promise(signed, key))
	must[*wipev1.ReportOrderResponse](tb)(h.wipe.ReportOrder(tb.Context(), promise))
	must[*wipev1.ReportOrderResponse](tb)(h.wipe.ReportOrder(tb.Context(), must[*wipev1.ReportOrderRequest](tb)(h.confirm(signed, promise, key))))
}

// TestDeletion: a deleted device with an order that waits works until the order
// is settled. Then nothing of the person and the phone is left but the order,
// its receipt and the record of what was done.
func TestDeletion(t *testing.T) {
	for name, tt := range map[string]struct {
		order func(tb testing.TB, a *admin, id string) (order string)
		// left is where the person's name stays, on purpose.
		left []string
	}{
		"an order for a device": {
			func(tb testing.TB, a *admin, id string) string { return a.order(tb, id, workProfile).GetId() }, nil,
		},
		// It stands until it is lifted, for whatever that person enrols next.
		"everything of a person": {
			func(tb testing.TB, a *admin, id string) string {
				must[*wipev1.WipeRequest](tb)(a.wipeUser(tb, leaver))
				r := must[*wipev1.ListWipesResponse](tb)(a.wipe.ListWipes(tb.Context(), &wipev1.ListWipesRequest{DeviceId: id, PageSize: 10}))
				if len(r.GetOrders()) != 1 {
					tb.Fatalf("orders: %v", r)
				}
				return r.GetOrders()[0].GetId()
			}, []string{"wipe_requests.user_name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.EachDSN(t, func(t *testing.T, dsn string) {
				s := install(t, dsn, nil).start(t)
				h, a := rosa(t, s), s.admin(t)
				s.signsIn(t, h)
				order := tt.order(t, a, h.id)
				beTombstone(t, s, h)
				h.carryOutAll(t)
				s.parts.sweep(t.Context())
				checkPurged(t, s, h)
				// What follows the record may have been at it just now, and forgets last.
				eventually(t, "the end of what is kept of the person and the phone", func() (bool, error) {
					diff := cmp.Diff(tt.left, s.places(t, personal...))
					return diff == "", errors.New(diff)
				})
				checkOrderStays(t, s, order)
			})
		})
	}
}

// beTombstone deletes the phone's record, and sees that the phone works on.
func beTombstone(tb testing.TB, s *server, h *handset) {
	tb.Helper()
	// Else the search would find nothing, whatever there is.
	known := s.places(tb, personal...)
	for _, place := range []string{
		"enroll_devices.user_name", "enroll_devices.model", "enroll_devices.os_version", "enroll_tokens.user_name", "enroll_tokens.description",
		"access_samples.content", "access_moments.content", "compliance_reports.report", "compliance_certificates.subject", "compliance_certificates.chain",
	} {
		if !slices.Contains(known, place) {
			tb.Errorf("the search does not see %s: %v", place, known)
		}
	}
	a := s.admin(tb)
	deleted := must[*enrollv1.DeleteDeviceResponse](tb)(a.enroll.DeleteDevice(tb.Context(), &enrollv1.DeleteDeviceRequest{Id: h.id, Reason: "has left"})).GetDevice()
	s.parts.sweep(tb.Context())
	found := must[*enrollv1.GetDeviceResponse](tb)(a.enroll.GetDevice(tb.Context(), &enrollv1.GetDeviceRequest{Id: h.id})).GetDevice()
	for _, d := range []*enrollv1.Device{deleted, found} {
		if d.GetDeletedAt() == nil || d.GetPurgedAt() != nil || d.GetState() != enrollv1.DeviceState_DEVICE_STATE_ENROLLED || d.GetUser() != leaver {
			tb.Errorf("while an order waits: %v", d)
		}
	}
	must[*compliancev1.CheckInResponse](tb)(h.compliance.CheckIn(tb.Context(), &compliancev1.CheckInRequest{
		ObservedAt: timestamppb.New(time.Now()), Posture: &compliancev1.Posture{OsVersion: leaverOS},
	}))
}

func checkPurged(tb testing.TB, s *server, h *handset) {
	tb.Helper()
	a := s.admin(tb)
	d := must[*enrollv1.GetDeviceResponse](tb)(a.enroll.GetDevice(tb.Context(), &enrollv1.GetDeviceRequest{Id: h.id})).GetDevice()
	if d.GetPurgedAt() == nil || d.GetState() != enrollv1.DeviceState_DEVICE_STATE_WIPED || d.GetUser() != "" || d.GetModel() != "" {
		tb.Errorf("after the order was settled: %v", d)
	}
	_, err := h.compliance.GetManifest(tb.Context(), &compliancev1.GetManifestRequest{})
	wantStatus(tb, "the phone", err, codes.Unauthenticated, "ENROLLMENT_ENDED")
	list := must[*compliancev1.ListCertificatesResponse](tb)(a.compliance.ListCertificates(tb.Context(), &compliancev1.ListCertificatesRequest{DeviceId: h.id}))
	for _, c := range list.GetCertificates() {
		if c.GetRevokedAt() == nil || c.GetSerial() == "" || c.GetSubject() != "" {
			tb.Errorf("of its certificate there is left: %v", c)
		}
	}
	if len(list.GetCertificates()) != 1 {
		tb.Errorf("%d certificates are on record", len(list.GetCertificates()))
	}
	deeds := map[string]int{}
	entries, _ := a.wholeRecord(tb)
	for _, e := range entries {
		if e.Target == "device/"+h.id || strings.HasPrefix(e.Target, "token/") {
			deeds[e.Action]++
		}
	}
	for _, action := range []string{"enroll.delete", "enroll.wiped", "enroll.purge", "enroll.token.forget", "compliance.enrollment.end", "compliance.forget"} {
		if deeds[action] != 1 {
			tb.Errorf("%d entries of %s", deeds[action], action)
		}
	}
}

// checkOrderStays sees that the order is done, and that what the phone signed of
// it verifies.
func checkOrderStays(tb testing.TB, s *server, id string) {
	tb.Helper()
	a := s.admin(tb)
	o := must[*wipev1.GetWipeResponse](tb)(a.wipe.GetWipe(tb.Context(), &wipev1.GetWipeRequest{Id: id})).GetOrder()
	if o.GetState() != wipev1.State_STATE_DONE || o.GetReceipt().GetFilesRemoved() != 3 {
		tb.Errorf("the order is %v", o)
	}
	if b := verifiedReceipt(tb, a, id); b.Receipt == nil || b.Commitment == nil {
		tb.Error("the two words are not both there")
	}
}
