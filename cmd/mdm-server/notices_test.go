package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/notify"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"

// told is a notice as a webhook's receiver reads it.
type told struct {
	Kind, Action, Detail string
	Sequence             uint64
}

// receiver starts a webhook's receiver.
func receiver(t *testing.T) (string, chan told) {
	t.Helper()
	all := make(chan told, 100)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n told
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil || !strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1,") {
			t.Errorf("got what is no notice: %v", err)
		}
		all <- n
	}))
	t.Cleanup(h.Close)
	return h.URL, all
}

func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func put(t *testing.T, db *sqldb.DB, action, detail string) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		return tx.Record(audit.Server(action, "fleet/all", detail))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, all chan told) told {
	t.Helper()
	select {
	case n := <-all:
		n.Sequence = 0
		return n
	case <-time.After(patience):
		t.Fatal("no notice came")
		return told{}
	}
}

// TestNoticesAreSent: what is recorded is told, once, by one of the servers;
// also what was recorded while no server ran.
func TestNoticesAreSent(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		url, all := receiver(t)
		secret := secretFile(t, hookSecret, 0o600)
		i := install(t, dsn, func(c *Config) {
			c.Notices = noticeConfig{Webhook: url, WebhookSecretFile: secret, Every: 100 * time.Millisecond}
		})
		s := i.start(t)
		if s.parts.db.Dialect() == sqldb.Postgres {
			i.start(t)
		}
		put(t, s.parts.db, notify.ActionBreaker, "first")
		put(t, s.parts.db, "compliance.verdict", "nobody must know")
		put(t, s.parts.db, notify.ActionResume, "second")
		want := []told{
			{Kind: "breaker", Action: "wipe.breaker", Detail: "first"},
			{Kind: "resumed", Action: "wipe.resume", Detail: "second"},
		}
		if diff := cmp.Diff(want, []told{next(t, all), next(t, all)}); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if s.parts.db.Dialect() == sqldb.Postgres {
			return // the other server goes on
		}
		db := dbtest.Open(t, dsn)
		put(t, db, notify.ActionBudget, "while it was away")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		i.start(t)
		if diff := cmp.Diff(told{Kind: "budget", Action: "wipe.budget", Detail: "while it was away"}, next(t, all)); diff != "" {
			t.Errorf("told after a restart (-want +got):\n%s", diff)
		}
		if len(all) > 0 {
			t.Errorf("told twice: %v", <-all)
		}
	})
}

// TestAlertsAreCounted: also without any channel.
func TestAlertsAreCounted(t *testing.T) {
	i := install(t, dbtest.DSN(t, sqldb.SQLite), func(c *Config) { c.Notices.Every = 100 * time.Millisecond })
	s := i.start(t)
	if got := s.metrics(t); !strings.Contains(got, `mdm_alerts_total{kind="budget"} 0`) {
		t.Errorf("no counter of alerts at first:\n%s", got)
	}
	put(t, s.parts.db, notify.ActionBudget, "")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !strings.Contains(s.metrics(t), `mdm_alerts_total{kind="budget"} 1`); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the alert is not counted:\n%s", s.metrics(t))
		}
	}
}

// metrics gives the server's metrics as text.
func (s *server) metrics(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.at.Ops+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNoticeConfig(t *testing.T) {
	hook := []string{"--notify-webhook", "https://hooks.example.com/s3cret", "--notify-webhook-secret-file", "FILE"}
	mail := []string{"--notify-smtp", "mail.example.com:587", "--notify-smtp-from", "mdm@example.com", "--notify-smtp-to", "a@example.com,b@example.com"}
	tests := []struct {
		name, secret string
		mode         os.FileMode
		args         []string
		want         string // empty: sound
	}{
		{"nothing", "", 0o600, nil, ""},
		{"webhook", hookSecret, 0o640, hook, ""},
		{"mail", "", 0o600, mail, ""},
		{"mail with login", "mdm:pass", 0o600, append(mail[:6:6], "--notify-smtp-auth-file", "FILE"), ""},
		{"both", hookSecret, 0o600, append(mail[:6:6], hook...), ""},
		{"secret for all", hookSecret, 0o644, hook, "chmod o="},
		{"no secret in the file", "s3cret", 0o600, hook, "--notify-webhook-secret-file: want one secret a line"},
		{"no file", "", 0, []string{hook[0], hook[1], hook[2], "/nowhere/secret"}, "--notify-webhook-secret-file: open /nowhere/secret"},
		{"webhook alone", "", 0o600, hook[:2], "--notify-webhook: needs --notify-webhook-secret-file"},
		{"secret alone", "", 0o600, hook[2:], "--notify-webhook-secret-file: needs --notify-webhook"},
		{"in the clear", "", 0o600, []string{"--notify-webhook", "http://hooks.example.com/s3cret"}, "--notify-webhook: want https"},
		{"server alone", "", 0o600, mail[:2], "--notify-smtp: needs --notify-smtp-from\n--notify-smtp: needs --notify-smtp-to"},
		{"sender alone", "", 0o600, mail[2:4], "--notify-smtp-from: needs --notify-smtp"},
		{"login alone", "", 0o600, []string{"--notify-smtp-auth-file", "FILE"}, "--notify-smtp-auth-file: needs --notify-smtp"},
		{"no port", "", 0o600, append([]string{mail[0], "mail.example.com"}, mail[2:]...), "--notify-smtp: want host:port"},
		{"no recipient", "", 0o600, append(mail[:4:4], "--notify-smtp-to", "a@example.com,b"), "--notify-smtp-to: not mail addresses"},
		{"no sender", "", 0o600, append(mail[:6:6], "--notify-smtp-from", "x"), "--notify-smtp-from: not a mail address"},
		{"no login in the file", "s3cret", 0o600, append(mail[:6:6], "--notify-smtp-auth-file", "FILE"), "--notify-smtp-auth-file: want user:password"},
		{"too often", "", 0o600, []string{"--notify-every", "1ms"}, "--notify-every: must be 100ms to 1h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"check", "--data", t.TempDir()}
			for _, arg := range tt.args {
				if arg == "FILE" {
					arg = secretFile(t, tt.secret, tt.mode)
				}
				args = append(args, arg)
			}
			var out, errOut bytes.Buffer
			err := run(context.Background(), args, &out, &errOut)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("check = %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}
