package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"time"
)

const (
	wikiHost = "wiki.example.com"
	wikiPage = "https://" + wikiHost + "/handbook"
	// readWithin bounds what a client of the demo may take, maxPage what it reads.
	readWithin = 10 * time.Second
	maxPage    = 1 << 20
)

// doors are the websites of the third story, and who visits them.
type doors struct {
	site     tls.Certificate // of the wiki, and of the receiver of events
	sites    *x509.CertPool
	edge     *credential
	address  string // of the HTTPS doors of Ringfence
	wiki     string // of the gateway
	receiver *receiver
	browser  *http.Client // the one on the work side of the phone
	servers  []*http.Server
}

// close ends the websites.
func (d *doors) close() {
	for _, server := range d.servers {
		_ = server.Close()
	}
}

// newSite makes a certificate that everybody in the story trusts, as they would
// one of a public authority.
func newSite(now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: wikiHost},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{wikiHost}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// makeSites makes the certificate of the websites, and a file that has it among
// the authorities to trust.
func (s *story) makeSites() (file string, err error) {
	if s.doors.site, err = newSite(time.Now()); err != nil {
		return "", err
	}
	s.doors.sites = x509.NewCertPool()
	s.doors.sites.AddCert(s.doors.site.Leaf)
	file = s.path("sites.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.doors.site.Leaf.Raw})
	return file, os.WriteFile(file, text, 0o600)
}

// site serves a website until the story ends: with TLS where config is given.
func (s *story) site(handler http.Handler, config *tls.Config) (address string, err error) {
	listener, err := new(net.ListenConfig).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, TLSConfig: config, ReadHeaderTimeout: readWithin}
	s.doors.servers = append(s.doors.servers, server)
	go func() { // ends with close
		if config == nil {
			_ = server.Serve(listener)
			return
		}
		_ = server.ServeTLS(listener, "", "")
	}()
	return listener.Addr().String(), nil
}

// visitor is a browser that finds the wiki, and trusts these authorities. show
// gives the certificate that it comes with; nil for none.
func (s *story) visitor(roots *x509.CertPool, show func(*tls.CertificateRequestInfo) (*tls.Certificate, error)) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == wikiHost+":443" {
			address = s.doors.wiki
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, GetClientCertificate: show}
	return &http.Client{Timeout: readWithin, Transport: &http.Transport{DialContext: dial, TLSClientConfig: config}}
}

// page is what a browser got.
type page struct {
	status int
	header http.Header
	text   string
	kept   bool // it came on a connection that had been used before
}

// visit opens a page.
func (s *story) visit(browser *http.Client, url string) (page, error) {
	var p page
	ctx := httptrace.WithClientTrace(s.ctx, &httptrace.ClientTrace{
		GotConn: func(c httptrace.GotConnInfo) { p.kept = c.Reused },
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page{}, err
	}
	res, err := browser.Do(r)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	var text bytes.Buffer
	if _, err := io.Copy(&text, io.LimitReader(res.Body, maxPage)); err != nil {
		return page{}, err
	}
	p.status, p.header, p.text = res.StatusCode, res.Header, text.String()
	return p, nil
}

// open opens the wiki, which must let the browser in.
func (s *story) open(browser *http.Client) error {
	p, err := s.visit(browser, wikiPage)
	if err != nil {
		return err
	}
	if p.status != http.StatusOK {
		return fmt.Errorf("the wiki answers %d (%s %s), want 200", p.status, p.header.Get(headerReason), p.header.Get(headerOwed))
	}
	s.say("%s: 200, %q", wikiPage, p.text)
	if want := "Welcome, " + maria + "."; p.text != want {
		return fmt.Errorf("the wiki does not know who came: want %q", want)
	}
	return nil
}

// shutOut opens the wiki, which must not let the browser in: for this reason,
// with this still to be done, and with a link to a page that says so.
func (s *story) shutOut(browser *http.Client, reason, owed string) (page, error) {
	p, err := s.visit(browser, wikiPage)
	if err != nil {
		return p, err
	}
	gotReason, gotOwed := p.header.Get(headerReason), p.header.Get(headerOwed)
	if p.status != http.StatusForbidden || gotReason != reason || gotOwed != owed {
		return p, fmt.Errorf("the wiki answers %d (%s %s), want 403 (%s %s)", p.status, gotReason, gotOwed, reason, owed)
	}
	if p.header.Get(headerRemedy) == "" {
		return p, errors.New("who is turned away gets no link")
	}
	if owed != "" {
		owed = ", " + headerOwed + ": " + owed
	}
	s.say("%s: 403, %s: %s%s", wikiPage, headerReason, reason, owed)
	return p, nil
}
