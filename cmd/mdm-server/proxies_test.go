package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ringfence/internal/access/forwardauth/proxytest"
	"ringfence/internal/pki"
	"ringfence/internal/sqldb/dbtest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// wiki is a small page behind a real gateway, which asks a whole server.
type wiki struct {
	*server
	admin   *admin
	address string // the gateway's

	mu   sync.Mutex // guards seen
	seen []http.Header
}

// proxyPrograms are the gateways there are.
var proxyPrograms = map[string]func(testing.TB, proxytest.Site) string{"nginx": proxytest.Nginx, "caddy": proxytest.Caddy}

// eachWiki runs a test behind every gateway, which takes certificates of one
// purpose, on every database.
func eachWiki(t *testing.T, takes pki.Purpose, run func(t *testing.T, w *wiki)) {
	for name, start := range proxyPrograms {
		t.Run(name, func(t *testing.T) {
			dbtest.EachDSN(t, func(t *testing.T, dsn string) { run(t, openWiki(t, dsn, takes, start)) })
		})
	}
}

func openWiki(t *testing.T, dsn string, takes pki.Purpose, start func(testing.TB, proxytest.Site) string) *wiki {
	t.Helper()
	s := install(t, dsn, openDoors).start(t)
	w := &wiki{server: s, admin: s.admin(t)}
	app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, r.Header.Clone())
		_, _ = io.WriteString(rw, "welcome")
	}))
	t.Cleanup(app.Close)
	file := s.gateway(t, "edge")
	w.address = start(t, proxytest.Site{
		App: app.Listener.Addr().String(), Door: s.at.Access, Server: s.servingPair(t, proxytest.Host),
		Gateway: proxytest.Pair{Certificate: file, Key: file}, Phones: s.phoneAuthorities(takes), Ringfence: []byte(s.credential.CA),
	})
	w.admin.rule(t, wikiPolicy())
	return w
}

// visit opens the wiki's page, and says how often somebody has come to the app.
func (w *wiki) visit(t *testing.T, shows *tls.Certificate, headers ...string) (page, []http.Header) {
	t.Helper()
	p, err := w.browser(t, w.address, shows)("https://"+proxytest.Host+"/page", headers...)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return p, seen
}

// welcomes checks that somebody comes in, and gives what the app is told.
func (w *wiki) welcomes(t *testing.T, shows *tls.Certificate, headers ...string) http.Header {
	t.Helper()
	p, seen := w.visit(t, shows, headers...)
	if p.status != http.StatusOK || p.body != "welcome" || len(seen) != 1 {
		t.Fatalf("%d %q %v, and %d came to the app", p.status, p.body, p.header, len(seen))
	}
	return seen[0]
}

// denies checks that somebody is turned away, and gives the link to the remedy.
func (w *wiki) denies(t *testing.T, shows *tls.Certificate, reason string, headers ...string) string {
	t.Helper()
	p, seen := w.visit(t, shows, headers...)
	link := p.header.Get("X-Ringfence-Remedy")
	if p.status != http.StatusForbidden || len(seen) != 0 || p.header.Get("X-Ringfence-Reason") != reason {
		t.Fatalf("%d %v, want 403 for %q; %d came to the app", p.status, p.header, reason, len(seen))
	}
	if !strings.HasPrefix(link, "https://"+proxytest.Door+":8445/forward-auth/remedy/") || !strings.Contains(p.body, `href="`+link+`"`) {
		t.Errorf("the page has no link to the remedy: %q in %s", link, p.body)
	}
	return link
}

// says checks what the page behind a link says. Whoever has the link sees it.
func (w *wiki) says(t *testing.T, link string, want ...string) {
	t.Helper()
	p, err := w.browser(t, w.at.Access, nil)(link)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range want {
		if p.status != http.StatusOK || !strings.Contains(p.body, text) {
			t.Errorf("%d, and nothing of %q in\n%s", p.status, text, p.body)
		}
	}
}

// TestProxiesLife: the real agent on a phone, the certificate that a policy has it
// ask for, and a page that is open while the PIN is long enough.
func TestProxiesLife(t *testing.T) {
	eachWiki(t, pki.Profile, func(t *testing.T, w *wiki) {
		v := newVirtual(t)
		v.set(t, "work.pin.set=true", "work.pin.length=8", "work.pin.quality=numeric-complex", "work.pin.complexity=high")
		v.enrol(t, w.server, w.admin.token(t), "work-profile")
		w.admin.apply(t, mainPolicy(t, w.server))
		v.once(t) // hears of the policy, and asks for the certificate
		v.once(t) // has it, and says so
		shows := v.work(t)
		h := w.welcomes(t, shows)
		if got := h.Get("X-Ringfence-User") + " " + h.Get("X-Ringfence-Device"); got != "maria@example.com "+v.id {
			t.Errorf("the app is told of %q", got)
		}

		v.set(t, "work.pin.length=4")
		v.once(t)
		link := w.denies(t, shows, "owed")
		w.says(t, link, "Put your phone right", "pin.work_profile.minimum_length", "should be at least 6", "is 4", remedyOf(t, w.admin, v.id))

		v.set(t, "work.pin.length=8")
		v.once(t)
		w.welcomes(t, shows)
		w.says(t, link, "You can come in", "Everything is as it must be")

		// The certificate is revoked: the phone is as it was, and does not come in
		// with it.
		req := &compliancev1.RevokeCertificateRequest{Serial: v.certificate(t).serial, Reason: "a test"}
		must[*compliancev1.RevokeCertificateResponse](t)(w.admin.compliance.RevokeCertificate(t.Context(), req))
		w.says(t, w.denies(t, shows, "certificate"), "The certificate of your phone does not count")
		v.once(t)
		v.once(t)
		renewed := v.work(t)
		w.welcomes(t, renewed)
		w.denies(t, shows, "certificate")

		retired := &enrollv1.RetireDeviceRequest{Id: v.id, Reason: "a test"}
		must[*enrollv1.RetireDeviceResponse](t)(w.admin.enroll.RetireDevice(t.Context(), retired))
		w.denies(t, renewed, "certificate")
	})
}

// work is the certificate that policies have the phone ask for, with its key.
func (v *virtual) work(t *testing.T) *tls.Certificate {
	t.Helper()
	c := v.certificate(t)
	records, err := v.phone.Certificates()
	if err != nil || c.serial == "" {
		t.Fatalf("the phone has no certificate: %v", err)
	}
	key, err := v.phone.Key(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: records["work"].Current.Chain, PrivateKey: key}
}

// remedyOf is what the server tells a phone to do about its first finding.
func remedyOf(t *testing.T, a *admin, id string) string {
	t.Helper()
	res, err := a.compliance.GetDeviceCompliance(t.Context(), &compliancev1.GetDeviceComplianceRequest{DeviceId: id})
	if err != nil || len(res.GetVerdict().GetFindings()) == 0 {
		t.Fatalf("no finding: %v, %v", res, err)
	}
	return res.GetVerdict().GetFindings()[0].GetRemedy()
}

// TestProxiesDevices: the certificate of enrolment opens the door as well, until
// something of the phone changes.
func TestProxiesDevices(t *testing.T) {
	eachWiki(t, pki.Device, func(t *testing.T, w *wiki) {
		w.admin.apply(t, pinPolicy("all", 6))
		h := w.join(t, w.admin.token(t))
		shows := h.certificate()
		w.says(t, w.denies(t, &shows, "owed"), "Let your phone report")
		h.reports(t, 8)
		w.welcomes(t, &shows)
		h.reports(t, 5)
		w.denies(t, &shows, "owed")
		h.reports(t, 6)
		w.welcomes(t, &shows)

		// No certificate: as far as the question, whatever is written into headers.
		w.says(t, w.denies(t, nil, "owed"), "Come with the certificate of your phone", "Use a phone that is managed")
		for _, lie := range w.lies(h) {
			w.denies(t, nil, "owed", lie)
			if told := w.welcomes(t, &shows, lie); told.Get("X-Ringfence-Device") != h.id || told.Get("X-Ringfence-User") != "maria@example.com" {
				t.Errorf("with %.60q the app is told %v", lie, told)
			}
		}
		w.stranger(t)

		// An order to wipe shuts the door before the phone has heard of it.
		w.admin.order(t, h.id, workProfile)
		w.says(t, w.denies(t, &shows, "owed"), "wipe.ordered")
		for _, order := range must[*wipev1.ListWipesResponse](t)(w.admin.wipe.ListWipes(t.Context(), &wipev1.ListWipesRequest{DeviceId: h.id})).GetOrders() {
			must[*wipev1.CancelWipeResponse](t)(w.admin.wipe.CancelWipe(t.Context(), &wipev1.CancelWipeRequest{Id: order.GetId(), Reason: "found"}))
		}
		w.welcomes(t, &shows)

		retired := &enrollv1.RetireDeviceRequest{Id: h.id, Reason: "a test"}
		must[*enrollv1.RetireDeviceResponse](t)(w.admin.enroll.RetireDevice(t.Context(), retired))
		w.says(t, w.denies(t, &shows, "certificate"), "does not count")
	})
}

// reports checks in with a PIN of so many digits and the newest manifest.
func (h *handset) reports(t *testing.T, digits uint32) {
	t.Helper()
	m := must[*compliancev1.GetManifestResponse](t)(h.compliance.GetManifest(t.Context(), &compliancev1.GetManifestRequest{}))
	must[*compliancev1.CheckInResponse](t)(h.compliance.CheckIn(t.Context(), report(h.server.clock.now(), digits, m.GetRevision())))
}

// lies are headers that say what a gateway alone may say.
func (w *wiki) lies(h *handset) []string {
	certificate := pemText("CERTIFICATE", h.chain[0])
	escaped := strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(certificate)
	flat := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(certificate, "-----BEGIN CERTIFICATE-----\n"), "-----END CERTIFICATE-----\n"), "\n", "")
	return []string{
		"Client-Cert: :" + flat + ":", "X-SSL-Client-Cert: " + escaped, "X-SSL-Client-Verify: SUCCESS",
		`X-Forwarded-Client-Cert: Cert="` + escaped + `"`, "X-Forwarded-Tls-Client-Cert: " + flat,
		"X-Ringfence-User: root@example.com", "X-Ringfence-Device: " + strings.Repeat("0", 32), "X_Ringfence_User: root@example.com",
		"Proxy-Authorization: Basic cm9vdDpyb290", "Authorization: Bearer e30.e30.e30",
	}
}

// stranger shows a certificate of another installation: no further than the gateway.
func (w *wiki) stranger(t *testing.T) {
	t.Helper()
	certificate := issueClient(t, newAuthority(t))
	p, err := w.browser(t, w.address, &certificate)("https://" + proxytest.Host + "/page")
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && p.status < http.StatusBadRequest || len(w.seen) > 0 {
		t.Errorf("a stranger's certificate: %d, %v, %d came to the app", p.status, err, len(w.seen))
	}
}
