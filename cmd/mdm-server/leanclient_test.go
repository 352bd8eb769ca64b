package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/gob"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A lean client holds thousands of open streams in a process of its own, so
// that a benchmark can weigh the server alone. It speaks just enough HTTP/2 to
// open one gRPC stream a connection and count the messages that come.

// leanOrder is what the parent tells the child: whom to call, as whom.
type leanOrder struct {
	Address, Method string
	Roots           [][]byte
	Certificates    []leanCertificate
}

type leanCertificate struct {
	Chain [][]byte
	Key   []byte // PKCS#8
}

const leanClientEnv = "RINGFENCE_TEST_LEAN_CLIENT"

// leanClient is the parent's side.
type leanClient struct {
	cmd   *exec.Cmd
	say   *bufio.Writer
	hear  *bufio.Scanner
	count int
}

// startLeanClient opens one stream per certificate and returns when each has
// had its first message.
func startLeanClient(tb testing.TB, order leanOrder) *leanClient {
	tb.Helper()
	file, err := os.Create(tb.TempDir() + "/order")
	if err != nil {
		tb.Fatal(err)
	}
	if err := gob.NewEncoder(file).Encode(order); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), leanClientEnv+"="+file.Name())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	c := &leanClient{cmd: cmd, say: bufio.NewWriter(stdin), hear: bufio.NewScanner(stdout), count: len(order.Certificates)}
	tb.Cleanup(func() {
		_ = stdin.Close() // the child ends with its input
		_ = cmd.Wait()
	})
	c.expect(tb, "ready")
	return c
}

// arm makes the child count afresh; it answers when every stream has had one
// more message.
func (c *leanClient) arm(tb testing.TB) {
	tb.Helper()
	_, _ = c.say.WriteString("arm\n")
	if err := c.say.Flush(); err != nil {
		tb.Fatal(err)
	}
	c.expect(tb, "armed")
}

func (c *leanClient) awaitAll(tb testing.TB) { tb.Helper(); c.expect(tb, "all") }

func (c *leanClient) expect(tb testing.TB, word string) {
	tb.Helper()
	if !c.hear.Scan() {
		tb.Fatalf("the lean client ended while %q was awaited: %v", word, c.hear.Err())
	}
	if got := c.hear.Text(); got != word {
		tb.Fatalf("the lean client says %q, want %q", got, word)
	}
}

// runLeanClient is the child: the test binary with leanClientEnv set.
func runLeanClient(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var order leanOrder
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&order); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	for _, der := range order.Roots {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		roots.AddCert(root)
	}
	var left atomic.Int64
	full := make(chan struct{}, 1)
	left.Store(int64(len(order.Certificates)))
	got := func() {
		if left.Add(-1) == 0 {
			full <- struct{}{}
		}
	}
	if err := openStreams(order, roots, got); err != nil {
		return err
	}
	<-full
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		left.Store(int64(len(order.Certificates)))
		fmt.Println("armed")
		<-full
		fmt.Println("all")
	}
	return nil
}

// openStreams dials with a few workers, so that handshakes do not time out.
func openStreams(order leanOrder, roots *x509.CertPool, got func()) error {
	work := make(chan leanCertificate)
	errs := make(chan error, 1)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for c := range work {
				if err := openStream(order, roots, c, got); err != nil {
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	for _, c := range order.Certificates {
		work <- c
	}
	close(work)
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func openStream(order leanOrder, roots *x509.CertPool, c leanCertificate, got func()) error {
	key, err := x509.ParsePKCS8PrivateKey(c.Key)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(order.Address)
	if err != nil {
		return err
	}
	dialer := &net.Dialer{Timeout: time.Minute}
	conn, err := tls.DialWithDialer(dialer, "tcp", order.Address, &tls.Config{
		ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{{Certificate: c.Chain, PrivateKey: key}},
	})
	if err != nil {
		return err
	}
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		return err
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "https"}, {":path", order.Method}, {":authority", order.Address},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			return err
		}
	}
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		return err
	}
	if err := framer.WriteData(1, true, make([]byte, 5)); err != nil { // one empty message
		return err
	}
	go readStream(conn, framer, got)
	return nil
}

// readStream counts messages until the connection ends. Every message fits in
// one DATA frame.
func readStream(conn *tls.Conn, framer *http2.Framer, got func()) {
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = framer.WritePing(true, f.Data)
			}
		case *http2.DataFrame:
			if n := uint32(len(f.Data())); n > 0 {
				_ = framer.WriteWindowUpdate(0, n)
				_ = framer.WriteWindowUpdate(1, n)
				got()
			}
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				fmt.Fprintln(os.Stderr, "lean client: the server ended a stream")
				_ = conn.Close()
				return
			}
		case *http2.GoAwayFrame:
			fmt.Fprintln(os.Stderr, "lean client: GOAWAY", f.ErrCode, strings.TrimSpace(string(f.DebugData())))
		}
	}
}
