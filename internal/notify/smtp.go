package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// mostReplies bounds what a mail server may say in one delivery, in bytes.
const mostReplies = 256 << 10

// Login is a user of a mail server.
type Login struct{ User, Password string }

// ParseLogin reads the text of a file that holds user:password. Errors hold
// nothing of it.
func ParseLogin(text string) (Login, error) {
	line := strings.TrimRight(text, "\r\n")
	user, password, ok := strings.Cut(line, ":")
	if !ok || user == "" || password == "" || strings.ContainsAny(line, "\r\n\x00") {
		return Login{}, errors.New("want user:password on one line")
	}
	return Login{user, password}, nil
}

// MailConfig is what a Mail is made of.
type MailConfig struct {
	// Server is the mail server's host:port. Unless the host is this machine,
	// it must offer STARTTLS with a certificate for the host.
	Server string
	// From is taken as ParseAddress takes it, To as ParseAddresses does.
	From, To string
	// Login, where not nil, is used; the server must offer AUTH PLAIN.
	Login *Login
	// Installation names the installation in the notices' ids.
	Installation string
	// Hello is this machine's name for the server; empty means localhost.
	Hello string
	Now   func() time.Time
	// Dial reaches the server; nil means over the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots are whom the server's certificate must come from; nil means the
	// system's.
	Roots *x509.CertPool
}

// Mail sends notices by mail, to all recipients at once.
type Mail struct {
	c    MailConfig
	host string
	from *mail.Address
	to   []*mail.Address
}

// NewMail makes a Mail.
func NewMail(c MailConfig) (*Mail, error) {
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil || host == "" || port == "" {
		return nil, errors.New("mail server: want host:port")
	}
	from, err := ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("mail from: %w", err)
	}
	to, err := ParseAddresses(c.To)
	if err != nil {
		return nil, fmt.Errorf("mail to: %w", err)
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Hello == "" {
		c.Hello = "localhost"
	}
	return &Mail{c: c, host: host, from: from, to: to}, nil
}

// Send hands the notice to the mail server. It is sent once the server has taken
// it for at least one recipient; then ErrPartly tells how many it was not taken
// for: to hold it back from all because of one full mailbox would be worse.
func (m *Mail) Send(ctx context.Context, n Notice) error {
	text, err := message(n, letter{from: m.from, to: m.to, installation: m.c.Installation, date: m.c.Now()})
	if err != nil {
		return err
	}
	conn, err := m.c.Dial(ctx, "tcp", m.c.Server)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := m.converse(conn, text); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("mail server: %w", ctx.Err())
		}
		return err
	}
	return nil
}

// converse is the whole conversation with the server.
func (m *Mail) converse(conn net.Conn, text []byte) error {
	client, err := smtp.NewClient(&boundedConn{Conn: conn, left: mostReplies}, m.host)
	if err != nil {
		return said("greeting", err)
	}
	if err := m.open(client); err != nil {
		return err
	}
	err = m.deliver(client, text)
	if err == nil || errors.Is(err, ErrPartly) {
		_ = client.Quit() // the message has been taken, whatever it answers
	}
	return err
}

// open says hello, goes over to TLS, and logs in.
func (m *Mail) open(client *smtp.Client) error {
	if err := client.Hello(m.c.Hello); err != nil {
		return said("EHLO", err)
	}
	if !loopback(m.host) {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return errors.New("the mail server offers no STARTTLS: nothing is sent in the clear")
		}
		err := client.StartTLS(&tls.Config{ServerName: m.host, RootCAs: m.c.Roots, MinVersion: tls.VersionTLS12})
		if err != nil {
			return said("STARTTLS", err)
		}
	}
	if m.c.Login == nil {
		return nil
	}
	if offered, _ := client.Extension("AUTH"); !offered {
		return errors.New("the mail server offers no AUTH")
	}
	return said("AUTH", client.Auth(smtp.PlainAuth("", m.c.Login.User, m.c.Login.Password, m.host)))
}

// deliver hands over the message.
func (m *Mail) deliver(client *smtp.Client, text []byte) error {
	if err := client.Mail(m.from.Address); err != nil {
		return said("MAIL", err)
	}
	var missed []error
	for i, a := range m.to {
		if err := client.Rcpt(a.Address); err != nil {
			missed = append(missed, said(fmt.Sprintf("RCPT %d", i+1), err))
		}
	}
	if len(missed) == len(m.to) {
		return errors.Join(missed...)
	}
	w, err := client.Data()
	if err != nil {
		return said("DATA", err)
	}
	if _, err := w.Write(text); err != nil {
		return said("message", err)
	}
	if err := w.Close(); err != nil {
		if reply, ok := errors.AsType[*textproto.Error](err); ok && reply.Code/100 == 5 {
			return fmt.Errorf("%w: answered %d", ErrRefused, reply.Code)
		}
		return said("message", err)
	}
	if len(missed) > 0 {
		return fmt.Errorf("%w: %w", ErrPartly, errors.Join(missed...))
	}
	return nil
}

// said names the step at which the server said no, and the code of its answer.
// The answer's text may have addresses in it: it is left out.
func said(step string, err error) error {
	if err == nil {
		return nil
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("%s: answered %d", step, reply.Code)
	}
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return fmt.Errorf("%s: answered what is not SMTP", step)
	}
	return fmt.Errorf("%s: %w", step, err)
}

// boundedConn ends after so many bytes were read.
type boundedConn struct {
	net.Conn
	left int
}

var errTalkative = errors.New("the mail server says too much")

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTalkative
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
