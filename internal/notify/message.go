package notify

import (
	"bytes"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// letter is what a message is made of beside the notice.
type letter struct {
	from         *mail.Address   // checked
	to           []*mail.Address // checked
	installation string
	date         time.Time
}

// message writes a notice as a message (RFC 5322). Its headers hold nothing of
// the entry but the sequence, so that nobody who is recorded can write one. The
// body is plain text, quoted-printable. The Message-ID is the same each time,
// so that mail programs know a notice that comes twice.
func message(n Notice, l letter) ([]byte, error) {
	to := make([]string, len(l.to))
	for i, a := range l.to {
		to[i] = a.String()
	}
	var b bytes.Buffer
	for _, header := range []struct{ name, value string }{
		{"From", l.from.String()},
		{"To", strings.Join(to, ",\r\n ")},
		{"Date", l.date.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + n.ID(l.installation) + "@" + domain(l.from) + ">"},
		{"Subject", n.Subject()},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: no answers from holidays
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(header.name + ": " + header.value + "\r\n")
	}
	b.WriteString("\r\n")
	body := quotedprintable.NewWriter(&b)
	if _, err := body.Write([]byte(strings.ReplaceAll(n.Text(), "\n", "\r\n"))); err != nil {
		return nil, err
	}
	if err := body.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
