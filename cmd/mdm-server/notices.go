package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/spf13/pflag"

	"ringfence/internal/notify"
	"ringfence/internal/notify/notifydb"
)

// noticeConfig is who is told of what the record says people must know.
type noticeConfig struct {
	// Webhook is the URL that notices are posted to; empty means none. Its path
	// may be secret.
	Webhook string
	// WebhookSecretFile holds what posts are signed with.
	WebhookSecretFile string
	// SMTP is the mail server's host:port; empty means no mail.
	SMTP string
	// SMTPFrom is the sender's address, SMTPTo the recipients', with commas
	// between them.
	SMTPFrom, SMTPTo string
	// SMTPAuthFile holds user:password; empty means no login.
	SMTPAuthFile string
	// Every is how often the record is looked at for something to tell.
	Every time.Duration
}

// flags binds the configuration to command-line flags.
func (c *noticeConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&c.Webhook, "notify-webhook", c.Webhook, "`URL` that notices are posted to")
	f.StringVar(&c.WebhookSecretFile, "notify-webhook-secret-file", c.WebhookSecretFile, "`file` with the secret that posts are signed with")
	f.StringVar(&c.SMTP, "notify-smtp", c.SMTP, "`host:port` of the mail server that notices are sent through")
	f.StringVar(&c.SMTPFrom, "notify-smtp-from", c.SMTPFrom, "`address` that notices are sent from")
	f.StringVar(&c.SMTPTo, "notify-smtp-to", c.SMTPTo, "`addresses` that notices are sent to, with commas between them")
	f.StringVar(&c.SMTPAuthFile, "notify-smtp-auth-file", c.SMTPAuthFile, "`file` with user:password for the mail server")
	f.DurationVar(&c.Every, "notify-every", c.Every, "how often the record is looked at for something to tell")
}

// check refuses what cannot work. It opens no file and names no secret.
func (c *noticeConfig) check() error {
	var errs []error
	fail := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("--notify-%s: %w", flag, err))
		}
	}
	needs := func(flag, value, other, otherValue string) {
		if value != "" && otherValue == "" {
			fail(flag, fmt.Errorf("needs --notify-%s", other))
		}
	}
	needs("webhook", c.Webhook, "webhook-secret-file", c.WebhookSecretFile)
	needs("webhook-secret-file", c.WebhookSecretFile, "webhook", c.Webhook)
	needs("smtp", c.SMTP, "smtp-from", c.SMTPFrom)
	needs("smtp", c.SMTP, "smtp-to", c.SMTPTo)
	needs("smtp-from", c.SMTPFrom, "smtp", c.SMTP)
	needs("smtp-to", c.SMTPTo, "smtp", c.SMTP)
	needs("smtp-auth-file", c.SMTPAuthFile, "smtp", c.SMTP)
	if c.Webhook != "" {
		_, err := notify.ParseWebhookURL(c.Webhook)
		fail("webhook", err)
	}
	if c.SMTP != "" {
		if host, port, err := net.SplitHostPort(c.SMTP); err != nil || host == "" || port == "" {
			fail("smtp", errors.New("want host:port"))
		}
	}
	if c.SMTPFrom != "" {
		_, err := notify.ParseAddress(c.SMTPFrom)
		fail("smtp-from", err)
	}
	if c.SMTPTo != "" {
		_, err := notify.ParseAddresses(c.SMTPTo)
		fail("smtp-to", err)
	}
	if c.Every < 100*time.Millisecond || c.Every > time.Hour {
		fail("every", errors.New("must be 100ms to 1h"))
	}
	return errors.Join(errs...)
}

// The names of the channels, for good: cursors are kept by them.
const (
	logChannel     = "log"
	webhookChannel = "webhook"
	mailChannel    = "smtp"
)

// channels opens the configured ways to people. Their secrets are read once.
// installation names this installation in the notices' ids.
func (c *noticeConfig) channels(installation string, now func() time.Time) ([]notify.Channel, error) {
	var all []notify.Channel
	if c.Webhook != "" {
		text, err := readSecret(c.WebhookSecretFile)
		if err != nil {
			return nil, fmt.Errorf("--notify-webhook-secret-file: %w", err)
		}
		secrets, err := notify.ParseSecrets(text)
		if err != nil {
			return nil, fmt.Errorf("--notify-webhook-secret-file: %w", err)
		}
		hook, err := notify.NewWebhook(notify.WebhookConfig{URL: c.Webhook, Secrets: secrets, Installation: installation, Now: now})
		if err != nil {
			return nil, fmt.Errorf("--notify-webhook: %w", err)
		}
		all = append(all, notify.Channel{Name: webhookChannel, Sender: hook})
	}
	if c.SMTP != "" {
		mail, err := c.mail(installation, now)
		if err != nil {
			return nil, err
		}
		all = append(all, notify.Channel{Name: mailChannel, Sender: mail})
	}
	return all, nil
}

func (c *noticeConfig) mail(installation string, now func() time.Time) (*notify.Mail, error) {
	config := notify.MailConfig{Server: c.SMTP, From: c.SMTPFrom, To: c.SMTPTo, Installation: installation, Now: now}
	if name, err := os.Hostname(); err == nil {
		config.Hello = name
	}
	if c.SMTPAuthFile != "" {
		text, err := readSecret(c.SMTPAuthFile)
		if err != nil {
			return nil, fmt.Errorf("--notify-smtp-auth-file: %w", err)
		}
		login, err := notify.ParseLogin(text)
		if err != nil {
			return nil, fmt.Errorf("--notify-smtp-auth-file: %w", err)
		}
		config.Login = &login
	}
	mail, err := notify.NewMail(config)
	if err != nil {
		return nil, fmt.Errorf("--notify-smtp: %w", err)
	}
	return mail, nil
}

// mostSecret bounds a file that holds a secret, in bytes.
const mostSecret = 4 << 10

// readSecret reads a file that not everybody on this machine may read.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", fmt.Errorf("%s holds a secret and has mode %04o: everybody on this machine may use it (chmod o= %s)", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, mostSecret))
	return string(text), err
}

// follower makes what tells people.
func (p *parts) follower() (*notify.Follower, error) {
	metrics, err := notify.NewMetrics(p.registry)
	if err != nil {
		return nil, err
	}
	channels, err := p.config.Notices.channels(p.installation, p.now)
	if err != nil {
		return nil, err
	}
	return notify.NewFollower(notify.Config{
		Record: p.record, Cursors: notifydb.New(p.db),
		Channels: append(channels, notify.Channel{Name: logChannel, Sender: notify.NewLog(p.log, metrics)}),
		Holder:   newID(),
		Every:    p.config.Notices.Every,
		Now:      p.now,
		After:    time.After,
		Jitter:   rand.Float64,
		Log:      p.log,
		Metrics:  metrics,
	}), nil
}
