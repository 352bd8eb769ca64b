package notify

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer is a small real mail server: enough of RFC 5321, STARTTLS and AUTH
// PLAIN for one client at a time.
type mailServer struct {
	address string
	roots   *x509.CertPool
	tls     *tls.Config

	// Answers that differ from the usual, by command; "greeting" and "message"
	// are the answers to the connection and to the message's end. For RCPT the
	// command has the address.
	answers map[string]string
	// noTLS leaves STARTTLS out, noAuth AUTH.
	noTLS, noAuth bool
	user          string // user:password; empty takes anyone

	mu       sync.Mutex
	commands []string // "TLS " before those that came over TLS
	messages []string
}

// newMailServer starts a server whose certificate is for name; tune, where not
// nil, makes it unusual.
func newMailServer(t *testing.T, name string, tune func(*mailServer)) *mailServer {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{address: listener.Addr().String(), answers: map[string]string{}}
	s.certify(t, name)
	if tune != nil {
		tune(s)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				s.talk(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		open.Wait()
	})
	return s
}

func (s *mailServer) certify(t *testing.T, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, BasicConstraintsValid: true, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(leaf)
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// dial takes every address for the server's.
func (s *mailServer) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, s.address)
}

// talk serves one connection.
func (s *mailServer) talk(conn net.Conn) {
	in := textproto.NewReader(bufio.NewReader(conn))
	secure := ""
	say := func(command, usual string) {
		if other, ok := s.answers[command]; ok {
			usual = other
		}
		_, _ = io.WriteString(conn, usual+"\r\n")
	}
	say("greeting", "220 mail.example.com ESMTP")
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, secure+line)
		s.mu.Unlock()
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "EHLO":
			say(verb, s.extensions(secure != ""))
		case "STARTTLS":
			say(verb, "220 go ahead")
			over := tls.Server(conn, s.tls)
			if err := over.Handshake(); err != nil {
				return
			}
			conn, secure, in = over, "TLS ", textproto.NewReader(bufio.NewReader(over))
		case "AUTH":
			say(verb, s.login(rest))
		case "MAIL":
			say(verb, "250 sender ok")
		case "RCPT":
			say(line, "250 recipient ok")
		case "DATA":
			say(verb, "354 go ahead")
			text, err := io.ReadAll(in.DotReader())
			if err != nil {
				return
			}
			s.mu.Lock()
			s.messages = append(s.messages, string(text))
			s.mu.Unlock()
			say("message", "250 taken")
		case "QUIT":
			say(verb, "221 bye")
			return
		default:
			say(verb, "502 what")
		}
	}
}

func (s *mailServer) extensions(secure bool) string {
	lines := []string{"250-mail.example.com", "250-8BITMIME"}
	if !secure && !s.noTLS {
		lines = append(lines, "250-STARTTLS")
	}
	if !s.noAuth {
		lines = append(lines, "250-AUTH LOGIN PLAIN")
	}
	return strings.Join(append(lines, "250 HELP"), "\r\n")
}

func (s *mailServer) login(with string) string {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(with, "PLAIN "))
	if parts := strings.Split(string(raw), "\x00"); err == nil && len(parts) == 3 && parts[1]+":"+parts[2] == s.user {
		return "235 welcome"
	}
	return "535 5.7.8 not for " + string(raw)
}

// heard gives the commands so far.
func (s *mailServer) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// taken gives the messages so far.
func (s *mailServer) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}
