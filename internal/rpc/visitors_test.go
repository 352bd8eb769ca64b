package rpc

import (
	"crypto/tls"
	"io"
	"testing"
	"time"
)

// visitor opens a connection and says nothing.
func (l *listener) visitor(t *testing.T, c *credential) *tls.Conn {
	t.Helper()
	config := l.clientTLS(c)
	config.ServerName, config.NextProtos = "127.0.0.1", []string{"h2"}
	conn, err := tls.Dial("tcp", l.address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// welcome reports whether the server speaks on a connection.
func welcome(conn *tls.Conn) bool {
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err == nil
}

func TestVisitorsMayNotStay(t *testing.T) {
	l := start(t, func(c *Config) { c.Limits.AnonymousStay = 50 * time.Millisecond })
	phone := l.device(t, "device-one")
	if _, err := openWatch(t, phone); err != nil {
		t.Fatal(err)
	}
	silent := l.visitor(t, nil)
	if _, err := io.WriteString(silent, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, silent); err != nil { // ends when the server ends it
		t.Logf("the connection ended with: %v", err)
	}
	if err := callLeave(t, phone); err != nil {
		t.Errorf("a phone's connection ended too: %v", err)
	}
}

func TestVisitorsAreFew(t *testing.T) {
	l := start(t, func(c *Config) { c.Limits.AnonymousConnections = 2 })
	first, second := l.visitor(t, nil), l.visitor(t, nil)
	if !welcome(first) || !welcome(second) {
		t.Fatal("the first two were turned away")
	}
	if welcome(l.visitor(t, nil)) {
		t.Error("one too many was let in")
	}
	if !welcome(l.visitor(t, l.issue(t, "device", "device-one"))) {
		t.Error("a phone was turned away with them")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for range 1000 { // as soon as the server has noticed
		if welcome(l.visitor(t, nil)) {
			return
		}
	}
	t.Error("the place of one that left was not given away")
}
