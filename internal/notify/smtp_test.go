package notify

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// mailer makes a Mail to a test server whose name is mail.example.com.
func mailer(t *testing.T, s *mailServer, tune func(*MailConfig)) *Mail {
	t.Helper()
	c := MailConfig{
		Server: "mail.example.com:587", From: "Ringfence <mdm@example.com>", To: "anna@example.com, Søren <soren@example.com>",
		Installation: "ringfence-1a2b3c4d", Hello: "mdm.example.com",
		Now: func() time.Time { return noon }, Dial: s.dial, Roots: s.roots,
	}
	if tune != nil {
		tune(&c)
	}
	m, err := NewMail(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func withLogin(c *MailConfig) { c.Login = &Login{"mdm", "s3cret"} }

func TestMailSends(t *testing.T) {
	s := newMailServer(t, "mail.example.com", func(s *mailServer) { s.user = "mdm:s3cret" })
	n := noticeOf(t, entry(17, ActionRequest))
	if err := mailer(t, s, withLogin).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	check(t, "commands", []string{
		"EHLO mdm.example.com",
		"STARTTLS",
		"TLS EHLO mdm.example.com",
		"TLS AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00mdm\x00s3cret")),
		"TLS MAIL FROM:<mdm@example.com> BODY=8BITMIME",
		"TLS RCPT TO:<anna@example.com>",
		"TLS RCPT TO:<soren@example.com>",
		"TLS DATA",
		"TLS QUIT",
	}, s.heard())
	messages := s.taken()
	check(t, "messages", 1, len(messages))
	got, err := mail.ReadMessage(strings.NewReader(messages[0]))
	if err != nil {
		t.Fatal(err)
	}
	headers := mail.Header{
		"From":                      {`"Ringfence" <mdm@example.com>`},
		"To":                        {`<anna@example.com>, =?utf-8?q?S=C3=B8ren?= <soren@example.com>`},
		"Date":                      {"Wed, 04 Mar 2026 12:00:00 +0000"},
		"Message-Id":                {"<17-e544fb27214fe160@example.com>"},
		"Subject":                   {"[Ringfence] A request waits for approval (entry 17)"},
		"Auto-Submitted":            {"auto-generated"},
		"Mime-Version":              {"1.0"},
		"Content-Type":              {"text/plain; charset=utf-8"},
		"Content-Transfer-Encoding": {"quoted-printable"},
	}
	check(t, "headers", headers, got.Header)
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	if err != nil {
		t.Fatal(err)
	}
	check(t, "body", n.Text(), string(body))
	if date, err := got.Header.Date(); err != nil || !date.Equal(noon.Truncate(time.Second)) {
		t.Errorf("date = %v, %v", date, err)
	}
}

// TestNoHeaderFromOutside: whatever an entry says, the headers and the
// conversation are the same.
func TestNoHeaderFromOutside(t *testing.T) {
	hostile := "x\r\nBcc: eve@example.net\r\n\r\n.\r\nRCPT TO:<eve@example.net>\r\n.\n\rSubject: y\x00" + strings.Repeat("long ", 3000)
	e := entry(17, ActionRequest)
	e.Actor, e.Target, e.Detail, e.RequestID = hostile, hostile, hostile, hostile
	s := newMailServer(t, "mail.example.com", nil)
	if err := mailer(t, s, nil).Send(t.Context(), noticeOf(t, entry(17, ActionRequest))); err != nil {
		t.Fatal(err)
	}
	if err := mailer(t, s, nil).Send(t.Context(), noticeOf(t, e)); err != nil {
		t.Fatal(err)
	}
	commands, messages := s.heard(), s.taken()
	check(t, "commands", commands[:len(commands)/2], commands[len(commands)/2:])
	check(t, "messages", 2, len(messages))
	head := func(i int) string { h, _, _ := strings.Cut(messages[i], "\n\n"); return h }
	check(t, "headers", head(0), head(1))
	for line := range strings.Lines(messages[1]) {
		if len(line) > 78 || strings.HasPrefix(line, "Bcc") || strings.TrimSpace(line) == "." {
			t.Errorf("line %q", line)
		}
	}
}

func TestMailRefuses(t *testing.T) {
	tests := []struct {
		name    string
		tune    func(*mailServer)
		login   bool
		want    string
		refused bool
		heard   string // the last command
	}{
		{name: "no STARTTLS", tune: func(s *mailServer) { s.noTLS = true }, login: true, want: "offers no STARTTLS", heard: "EHLO mdm.example.com"},
		{name: "STARTTLS refused", tune: func(s *mailServer) { s.answers["STARTTLS"] = "454 not now" }, want: "STARTTLS: answered 454", heard: "STARTTLS"},
		{name: "no AUTH", tune: func(s *mailServer) { s.noAuth = true }, login: true, want: "offers no AUTH", heard: "TLS EHLO mdm.example.com"},
		{name: "wrong password", tune: func(s *mailServer) { s.user = "mdm:other" }, login: true, want: "AUTH: answered 535", heard: "TLS QUIT"},
		{name: "busy", tune: func(s *mailServer) { s.answers["greeting"] = "421 anna@example.com is busy" }, want: "greeting: answered 421"},
		{name: "sender", tune: func(s *mailServer) { s.answers["MAIL"] = "550 who" }, want: "MAIL: answered 550", heard: "TLS MAIL FROM:<mdm@example.com> BODY=8BITMIME"},
		{
			name: "recipients", want: "RCPT 1: answered 550\nRCPT 2: answered 452", heard: "TLS RCPT TO:<soren@example.com>",
			tune: func(s *mailServer) {
				s.answers["RCPT TO:<anna@example.com>"] = "550 anna@example.com left"
				s.answers["RCPT TO:<soren@example.com>"] = "452 soren@example.com is full"
			},
		},
		{name: "message for now", tune: func(s *mailServer) { s.answers["message"] = "451 later" }, want: "message: answered 451", heard: "TLS DATA"},
		{name: "message", tune: func(s *mailServer) { s.answers["message"] = "554 no spam, anna@example.com" }, want: "answered 554", refused: true, heard: "TLS DATA"},
		{name: "not SMTP", tune: func(s *mailServer) { s.answers["EHLO"] = "anna@example.com" }, want: "EHLO: ", heard: "HELO mdm.example.com"},
		{name: "talkative", tune: func(s *mailServer) { s.answers["greeting"] = "220 " + strings.Repeat("x", mostReplies) }, want: "says too much"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newMailServer(t, "mail.example.com", func(s *mailServer) {
				s.user = "mdm:s3cret"
				tt.tune(s)
			})
			m := mailer(t, s, func(c *MailConfig) {
				if tt.login {
					withLogin(c)
				}
			})
			err := m.Send(t.Context(), noticeOf(t, entry(17, ActionRequest)))
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrRefused) != tt.refused || errors.Is(err, ErrPartly) {
				t.Errorf("Send = %v, want %q and ErrRefused: %v", err, tt.want, tt.refused)
			}
			if err != nil && (strings.Contains(err.Error(), "anna") || strings.Contains(err.Error(), "s3cret")) {
				t.Errorf("the error holds an address or a password: %v", err)
			}
			last := ""
			if heard := s.heard(); len(heard) > 0 {
				last = heard[len(heard)-1]
			}
			check(t, "last command", tt.heard, last)
		})
	}
}

func TestMailPartly(t *testing.T) {
	s := newMailServer(t, "mail.example.com", func(s *mailServer) { s.answers["RCPT TO:<soren@example.com>"] = "452 soren@example.com is full" })
	err := mailer(t, s, nil).Send(t.Context(), noticeOf(t, entry(17, ActionRequest)))
	if !errors.Is(err, ErrPartly) || !strings.Contains(err.Error(), "RCPT 2: answered 452") || strings.Contains(err.Error(), "soren") {
		t.Errorf("Send = %v, want ErrPartly for RCPT 2, without an address", err)
	}
	check(t, "messages", 1, len(s.taken()))
}

// TestMailChecksCertificate: another's certificate gets no login and no notice.
func TestMailChecksCertificate(t *testing.T) {
	for name, tune := range map[string]func(*MailConfig){
		"another name": func(c *MailConfig) { c.Server = "other.example.com:587" },
		"unknown root": func(c *MailConfig) { c.Roots = newMailServer(t, "mail.example.com", nil).roots },
	} {
		s := newMailServer(t, "mail.example.com", nil)
		m := mailer(t, s, func(c *MailConfig) { withLogin(c); tune(c) })
		err := m.Send(t.Context(), noticeOf(t, entry(17, ActionRequest)))
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: Send = %v, want an error about the certificate", name, err)
		}
		check(t, name, []string{"EHLO mdm.example.com", "STARTTLS"}, s.heard())
	}
}

// TestMailOnThisMachine: what does not leave the machine needs no TLS.
func TestMailOnThisMachine(t *testing.T) {
	s := newMailServer(t, "mail.example.com", func(s *mailServer) { s.user = "mdm:s3cret" })
	m := mailer(t, s, func(c *MailConfig) {
		withLogin(c)
		c.Server, c.Dial = s.address, nil
	})
	if err := m.Send(t.Context(), noticeOf(t, entry(17, ActionRequest))); err != nil {
		t.Fatal(err)
	}
	check(t, "messages", 1, len(s.taken()))
}

func TestMailGivesUp(t *testing.T) {
	s := newMailServer(t, "mail.example.com", func(s *mailServer) { s.answers["greeting"] = "220-wait" }) // and says no more
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := mailer(t, s, nil).Send(ctx, noticeOf(t, entry(17, ActionRequest))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send = %v, want context.DeadlineExceeded", err)
	}
}

func TestParseAddresses(t *testing.T) {
	tests := map[string][]string{
		"anna@example.com":                       {"anna@example.com"},
		"anna@example.com,bob+mdm@x.example.com": {"anna@example.com", "bob+mdm@x.example.com"},
		`"Miller, Anna" <anna@example.com>`:      {"anna@example.com"},
		"":                                       nil,
		",":                                      nil,
		"anna":                                   nil,
		"anna@":                                  nil,
		`"a b"@example.com`:                      nil,
		`"a@evil.example>\r\n"@example.com`:      nil,
		"a@b> SIZE=1@example.com":                nil,
		"anna@example.com\r\nRCPT TO:<eve@x.yz>": nil,
		"anna@[192.0.2.1]":                       nil,
		"änna@example.com":                       nil,
		"anna@exämple.com":                       nil,
		"anna@example.com-":                      nil,
		strings.Repeat("a@b.example,", 50) + "a@b.example": nil,
	}
	for text, want := range tests {
		list, err := ParseAddresses(text)
		var got []string
		for _, a := range list {
			got = append(got, a.Address)
		}
		check(t, text, want, got)
		if (err == nil) != (want != nil) {
			t.Errorf("ParseAddresses(%q) = %v", text, err)
		}
	}
	name := mime.QEncoding.Encode("utf-8", "a\r\nBcc: eve@example.net") + " <anna@example.com>"
	if _, err := ParseAddress(name); err == nil {
		t.Errorf("ParseAddress(%q) takes a name with an end of line", name)
	}
}

func TestParseLogin(t *testing.T) {
	tests := map[string]Login{
		"mdm:s3cret":       {"mdm", "s3cret"},
		"mdm:s3:cret \r\n": {"mdm", "s3:cret "},
		"":                 {},
		"mdm":              {},
		":s3cret":          {},
		"mdm:\n":           {},
		"mdm:s3\ncret":     {},
		"m\ndm:s3cret":     {},
		"mdm:s3\x00cret":   {},
	}
	for text, want := range tests {
		got, err := ParseLogin(text)
		check(t, text, want, got)
		if (err == nil) != (want != Login{}) || err != nil && strings.Contains(err.Error(), "s3") {
			t.Errorf("ParseLogin(%q) = %v", text, err)
		}
	}
}

func TestNewMail(t *testing.T) {
	good := MailConfig{Server: "mail.example.com:587", From: "mdm@example.com", To: "anna@example.com"}
	for want, tune := range map[string]func(*MailConfig){
		"mail server: want host:port":     func(c *MailConfig) { c.Server = "mail.example.com" },
		"mail from: not a mail address":   func(c *MailConfig) { c.From = "mdm" },
		"mail to: not mail addresses":     func(c *MailConfig) { c.To = "" },
		"mail to: address 2: a mail addr": func(c *MailConfig) { c.To = `a@b.example, "b c"@b.example` },
	} {
		c := good
		tune(&c)
		if _, err := NewMail(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("NewMail = %v, want %q", err, want)
		}
	}
}
