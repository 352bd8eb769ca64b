package main

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit/ssf"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

// polled makes a stream that is polled, and gives its id and where.
func (p *partner) polled(tb testing.TB) (id, path string) {
	tb.Helper()
	made := p.gets(tb, http.StatusCreated, p.asks(tb, http.MethodPost, ssf.StreamsPath, says{"delivery": says{"method": "urn:ietf:rfc:8936"}}))
	at := must[*url.URL](tb)(url.Parse(made["delivery"].(map[string]any)["endpoint_url"].(string)))
	return made["stream_id"].(string), at.Path
}

// polls asks for events, in what order they were told.
func (p *partner) polls(tb testing.TB, path string, request says) []*heard {
	tb.Helper()
	return p.given(tb, p.asks(tb, http.MethodPost, path, request))
}

// given opens what a poll is answered with.
func (p *partner) given(tb testing.TB, got page) []*heard {
	tb.Helper()
	answer := p.gets(tb, http.StatusOK, got)
	var all []*heard
	for jti, token := range answer["sets"].(map[string]any) {
		e := p.opens(tb, token.(string))
		if e.JTI != jti {
			tb.Errorf("%s is handed over as %s", e.JTI, jti)
		}
		all = append(all, e)
	}
	return all
}

// later polls meanwhile. No status is no answer.
func (p *partner) later(tb testing.TB, path string, request says) <-chan page {
	tb.Helper()
	req, answered := p.request(tb, http.MethodPost, path, request), make(chan page, 1)
	go func() {
		got, _ := p.tries(req)
		answered <- got
	}()
	return answered
}

// awaits polls, and acknowledges nothing, until so many wait.
func (p *partner) awaits(tb testing.TB, path string, n int) (byJTI map[string]string) {
	tb.Helper()
	eventually(tb, "the events", func() (bool, error) {
		byJTI = map[string]string{}
		for _, e := range p.polls(tb, path, says{"returnImmediately": true}) {
			byJTI[e.JTI] = e.words()
		}
		return len(byJTI) >= n, errNotYet
	})
	return byJTI
}

func sortedWords(events map[string]string) []string { return slices.Sorted(maps.Values(events)) }

// TestPolledSignals: what is not acknowledged is given again, as it was, also by
// the next life of the server; what is, is not.
func TestPolledSignals(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		i := install(t, dsn, openDoors)
		s := i.start(t)
		a := s.admin(t)
		p := s.partner(t, a, "siem", "ssf.manage")
		id, path := p.polled(t)
		a.apply(t, pinPolicy("work", 6))
		h := s.join(t, a.token(t))
		h.reports(t, 8)
		before := p.awaits(t, path, 2)
		if got, want := sortedWords(before), []string{created, turnedFit}; !slices.Equal(got, want) {
			t.Fatalf("polled %q, want %q", got, want)
		}
		h.reports(t, 4) // and nobody has polled when the server goes
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}

		s = i.start(t)
		a = s.admin(t)
		p.moves(t, s)
		h.connect(t, s)
		after := p.awaits(t, path, 3)
		if got, want := sortedWords(after), []string{created, turnedBad, turnedFit}; !slices.Equal(got, want) {
			t.Fatalf("polled %q after a restart, want %q", got, want)
		}
		for jti, words := range before {
			if after[jti] != words {
				t.Errorf("%s was %q, and is %q", jti, words, after[jti])
			}
		}
		left := p.polls(t, path, says{"returnImmediately": true, "ack": slices.Collect(maps.Keys(before))})
		if len(left) != 1 || left[0].words() != turnedBad {
			t.Fatalf("after acknowledging two there are %d", len(left))
		}
		refuses(t, p, a, path, id, left[0].JTI)

		// A poll that waits is answered when something happens.
		answered := p.later(t, path, says{"ack": []string{left[0].JTI}})
		h.reports(t, 8)
		if got := p.given(t, <-answered); len(got) != 1 || got[0].words() != turnedFit {
			t.Errorf("a poll that waited is answered with %d events", len(got))
		}
		a.wantCause(t, p.polls(t, path, says{"maxEvents": 1})[0], "device/"+h.id, "compliance.standing")
	})
}

// refuses says that an event is of no use: it is put aside, until an administrator
// has it given again.
func refuses(t *testing.T, p *partner, a *admin, path, stream, jti string) {
	t.Helper()
	ctx, streams := t.Context(), transmitv1.NewTransmitAdminServiceClient(a.conn)
	left := p.polls(t, path, says{"returnImmediately": true, "setErrs": says{jti: says{"err": "invalid_audience", "description": "not me"}}})
	if len(left) != 0 {
		t.Errorf("what was refused is given again: %d", len(left))
	}
	dead := must[*transmitv1.ListDeadLettersResponse](t)(streams.ListDeadLetters(ctx, &transmitv1.ListDeadLettersRequest{StreamId: stream})).GetDeadLetters()
	if len(dead) != 1 || dead[0].GetEventId() != jti || dead[0].GetReason() != "invalid_audience: not me" {
		t.Fatalf("put aside: %v", dead)
	}
	again := &transmitv1.RedeliverDeadLettersRequest{StreamId: stream, EventIds: []string{jti}}
	if got := must[*transmitv1.RedeliverDeadLettersResponse](t)(streams.RedeliverDeadLetters(ctx, again)).GetRedelivered(); got != 1 {
		t.Errorf("%d events wait again", got)
	}
	if got := must[*transmitv1.RedeliverDeadLettersResponse](t)(streams.RedeliverDeadLetters(ctx, again)).GetRedelivered(); got != 0 {
		t.Errorf("%d events wait again, the second time", got)
	}
	if got := p.polls(t, path, says{"returnImmediately": true}); len(got) != 1 || got[0].JTI != jti {
		t.Errorf("what waits again: %v", got)
	}
}

// TestRevokedPartner: whoever is let in no longer is shut out at once, at each
// server, and nothing is kept for it.
func TestRevokedPartner(t *testing.T) {
	pairDoors(t, openDoors, func(t *testing.T, one, two *server, _ *signintest.Provider) {
		a := one.admin(t)
		p, other := two.partner(t, a, "siem", "ssf.manage"), two.partner(t, a, "other", "ssf.manage")
		_, path := p.polled(t)
		id, _ := other.polled(t)
		// One client does not see another's stream.
		for method, at := range map[string]string{http.MethodGet: ssf.StreamsPath + "?stream_id=" + id, http.MethodDelete: ssf.StreamsPath + "?stream_id=" + id} {
			p.gets(t, http.StatusNotFound, p.asks(t, method, at, nil))
		}
		p.gets(t, http.StatusNotFound, p.asks(t, http.MethodPost, ssf.PollPath+id, says{"returnImmediately": true}))

		waits := p.later(t, path, says{})
		p.gets(t, http.StatusOK, p.asks(t, http.MethodPost, path, says{"returnImmediately": true}))
		a.dismisses(t, p.id)
		for _, s := range []*server{one, two} {
			p.moves(t, s)
			got := p.asks(t, http.MethodPost, path, says{"returnImmediately": true})
			if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("a revoked client: %d %v", got.status, got.header)
			}
		}
		if got := <-waits; got.status == http.StatusOK {
			t.Errorf("a poll that waited is answered %d %s", got.status, got.body)
		}
		left := must[*transmitv1.ListStreamsResponse](t)(transmitv1.NewTransmitAdminServiceClient(a.conn).ListStreams(t.Context(), &transmitv1.ListStreamsRequest{})).GetStreams()
		if len(left) != 1 || left[0].GetId() != id || left[0].GetClientName() != "other" {
			t.Errorf("streams that are left: %v", left)
		}
		other.gets(t, http.StatusOK, other.asks(t, http.MethodGet, ssf.StreamsPath+"?stream_id="+id, nil))
		_, err := transmitv1.NewTransmitAdminServiceClient(a.conn).GetStream(t.Context(), &transmitv1.GetStreamRequest{Id: newID()})
		wantStatus(t, "a stream that there is not", err, codes.NotFound, "STREAM_NOT_FOUND")
	})
}

// TestDrainEndsPolls: a server that stops answers polls that wait, and does not
// wait with them.
func TestDrainEndsPolls(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), func(c *Config) { openDoors(c); c.DrainTimeout = 2 * patience }).start(t)
	p := s.partner(t, s.admin(t), "siem", "ssf.manage")
	_, path := p.polled(t)
	waits := p.later(t, path, says{})
	// What comes after it on the same path has gone by it.
	p.gets(t, http.StatusOK, p.asks(t, http.MethodPost, path, says{"returnImmediately": true}))
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	// A poll waits for 25 seconds.
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if got := <-waits; got.status != http.StatusOK && got.status != 0 { // 0: it came too late
		t.Errorf("the poll is answered %d %s", got.status, got.body)
	}
}
