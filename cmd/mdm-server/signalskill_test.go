package main

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringfence/internal/sqldb/dbtest"
)

// TestKilledBetween: the server answers a phone's report, and is killed before the
// receiver has taken what it means. The next one tells it, as it was.
func TestKilledBetween(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		r := receives(t)
		i := install(t, dsn, calling(r))
		s := i.start(t)
		a := s.admin(t)
		p := s.partner(t, a, "idp", "ssf.manage")
		p.streams(t, r)
		a.apply(t, pinPolicy("work", 6))
		h := s.join(t, a.token(t))
		h.reports(t, 8)
		p.arrives(t, r, h.id, created, turnedFit)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}

		r.becomes(answers(http.StatusServiceUnavailable, ""))
		for era := range 3 {
			process := startDoors(t, i, r)
			h.connect(t, &process.server)
			h.reports(t, []uint32{4, 8, 4}[era])
			if era == 0 { // the others find its claim of the stream
				eventually(t, "a try", func() (bool, error) { return len(r.requests(http.StatusServiceUnavailable)) > 0, errNotYet })
			}
			process.kill()
		}
		r.becomes(answers(http.StatusAccepted, ""))
		i.clock.forward(time.Minute) // the claim runs out
		s = i.start(t)
		p.moves(t, s)
		e := p.arrives(t, r, h.id, created, turnedFit, turnedBad, turnedFit, turnedBad)
		s.admin(t).wantCause(t, e, "device/"+h.id, "compliance.standing")
		wantSameEachTime(t, p, r)
	})
}

// wantSameEachTime sees that an event that was pushed more than once was the same
// each time.
func wantSameEachTime(t *testing.T, p *partner, r *inbox) {
	t.Helper()
	seen := map[string]string{}
	tries := map[string]int{}
	for _, a := range r.requests(0) {
		e := p.opens(t, a.body)
		claims := string(must[[]byte](t)(json.Marshal(e)))
		if before, ok := seen[e.Txn+e.words()]; ok && before != claims {
			t.Errorf("first %s, then %s", before, claims)
		}
		seen[e.Txn+e.words()] = claims
		tries[e.JTI]++
	}
	for _, n := range tries {
		if n > 1 {
			return
		}
	}
	t.Error("nothing was tried twice")
}

// startDoors runs a server that calls a receiver in a process of its own.
func startDoors(t *testing.T, i *installation, r *inbox) *serverProcess {
	t.Helper()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", roots)
	p := startProcess(t, i.data, "--database", i.dsn, "--access-listen", "127.0.0.1:0", "--access-base-url", doorURL,
		"--access-callback-allow", "127.0.0.1", "--apply-grace", "0s")
	p.credential, p.clock = loadCredential(t, i.data), i.clock
	return p
}

// TestStoppedBetween: a receiver that is down when the server stops is told by the
// next one.
func TestStoppedBetween(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		r := receives(t)
		i := install(t, dsn, calling(r))
		s := i.start(t)
		a := s.admin(t)
		p := s.partner(t, a, "idp", "ssf.manage")
		id := p.streams(t, r)
		h := s.join(t, a.token(t))
		p.arrives(t, r, h.id, created)
		r.becomes(answers(http.StatusServiceUnavailable, ""))
		h.reports(t, 8)
		eventually(t, "a try", func() (bool, error) { return len(r.requests(http.StatusServiceUnavailable)) > 0, errNotYet })
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		r.becomes(answers(http.StatusAccepted, ""))
		s = i.start(t)
		p.moves(t, s)
		p.arrives(t, r, h.id, created, turnedFit)
		wantSameEachTime(t, p, r)
		for _, secret := range []string{"key=secret", "Bearer of", "@example.com"} {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("the log of stream %s holds %q", id, secret)
			}
		}
	})
}

// TestDeadReceiver: one receiver accepts connections and never answers. The other
// gets all that there is to tell meanwhile.
func TestDeadReceiver(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		live, dead := receives(t), receives(t)
		dead.becomes(func(_ http.ResponseWriter, r *http.Request) int {
			<-r.Context().Done()
			return 0
		})
		s := install(t, dsn, calling(live)).start(t)
		a := s.admin(t)
		p := s.partner(t, a, "idp", "ssf.manage")
		p.streams(t, dead)
		p.streams(t, live)
		a.apply(t, pinPolicy("work", 6))
		want := []string{created, turnedFit, turnedBad, turnedFit}
		phones := make([]*handset, 12) // more than are told at a time
		for n := range phones {
			phones[n] = s.join(t, a.token(t))
			for _, digits := range []uint32{8, 4, 8} {
				phones[n].reports(t, digits)
			}
		}
		for _, h := range phones {
			p.arrives(t, live, h.id, want...)
		}
		if n := len(dead.requests(http.StatusAccepted)); n != 0 {
			t.Errorf("who never answers took %d", n)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}
