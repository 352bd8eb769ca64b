package proxytest

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Host is the name under which the app of the examples is served, and Door the
// name of Ringfence in them: certificates must be for these.
const (
	Host = "wiki.example.com"
	Door = "mdm.example.com"
)

// Site is what a gateway stands in front of, and what it needs for it.
type Site struct {
	// App is host:port of the app, over HTTP.
	App string
	// Door is host:port of Ringfence, over TLS.
	Door string
	// Server and Gateway are what the gateway shows: to people, and to Ringfence.
	Server, Gateway Pair
	// Phones has the authorities for phones, Ringfence those for Door, in PEM.
	// nginx wants whole chains, up to the root.
	Phones, Ringfence []byte
	// Query is what Door is asked with, in place of that in the example; empty
	// leaves it.
	Query string
}

// Pair is a certificate, with what leads to its root, and its key, in PEM.
type Pair struct{ Certificate, Key []byte }

// starting is how long a gateway may take to start, and stopping to stop.
const (
	starting = 20 * time.Second
	stopping = 10 * time.Second
	tries    = 5
)

// gateway is one kind of program.
type gateway struct {
	program string
	example string
	// changes are what is replaced in the example, besides paths.
	changes func(s *Site, address string) []string
	// wrap gives the file that has the example in it, and the arguments.
	wrap func(dir, address string) (config string, args []string)
	// environment is what the program gets besides the test's own.
	environment func(dir string) []string
}

// start runs a gateway until the test is over, and gives its host:port.
func (g gateway) start(t testing.TB, s Site) string {
	t.Helper()
	program, err := exec.LookPath(g.program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, which CI=true forbids: see scripts/proxies.sh", g.program)
		}
		t.Skipf("%s is not installed: see scripts/proxies.sh", g.program)
	}
	for range tries {
		address := freeAddress(t)
		args := g.write(t, s, address)
		p := run(t, program, args, g.environment)
		if p.ready(t, address) {
			return address
		}
		p.stop(t)
		if !strings.Contains(strings.ToLower(p.output.String()), "address already in use") {
			t.Fatalf("%s does not start:\n%s", g.program, p.output.String())
		}
		t.Logf("%s: somebody else took the port of %s", g.program, address)
	}
	t.Fatalf("%s found no port of its own", g.program)
	return ""
}

// freeAddress gives an address that was free just now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// write writes the files of a gateway into a folder of its own.
func (g gateway) write(t testing.TB, s Site, address string) (args []string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"server.pem": s.Server.Certificate, "server.key": s.Server.Key, "phones.pem": s.Phones,
		"gateway.pem": s.Gateway.Certificate, "gateway.key": s.Gateway.Key, "ringfence.pem": s.Ringfence,
	} {
		write(t, filepath.Join(dir, name), content)
	}
	raw, err := os.ReadFile(filepath.Join(examples(t), g.example))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	changes := append(g.changes(&s, address), "/etc/ringfence/gateway/", dir+"/", Door+":8445", s.Door, "127.0.0.1:8080", s.App)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s has no %q any more: change this package with it", g.example, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	if s.Query != "" {
		text = replaceQuery(t, text, s.Query)
	}
	write(t, filepath.Join(dir, g.example), []byte(text))
	config, args := g.wrap(dir, address)
	write(t, filepath.Join(dir, "main.conf"), []byte(config))
	return args
}

// replaceQuery puts another query behind the path of the question.
func replaceQuery(t testing.TB, text, query string) string {
	t.Helper()
	const path = "/forward-auth?"
	before, after, found := strings.Cut(text, path)
	end := strings.IndexAny(after, ";\n")
	if !found || end < 0 {
		t.Fatal("the example asks no question any more: change this package with it")
	}
	return before + path + query + after[end:]
}

func write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// examples is the folder of the examples, whichever package the test is in.
func examples(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the source has no place")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "..", "examples", "gateways")
}

// process is a program that runs.
type process struct {
	command *exec.Cmd
	output  output
	ended   chan struct{}
	once    sync.Once
}

// output may be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func run(t testing.TB, program string, args []string, environment func(string) []string) *process {
	t.Helper()
	p := &process{ended: make(chan struct{})}
	p.command = exec.Command(program, args...) // not bound to a context: it is stopped below, gently
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	p.command.Env = append(os.Environ(), environment(t.TempDir())...)
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // how it ended is in its output
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(program), p.output.String())
		}
	})
	return p
}

// ready waits until somebody can connect, and says false where the program ended
// before.
func (p *process) ready(t testing.TB, address string) bool {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(starting)
	defer late.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		select {
		case <-p.ended:
			return false
		default:
			if err == nil {
				return true
			}
		}
		select {
		case <-p.ended:
			return false
		case <-again.C:
		case <-late.C:
			p.stop(t)
			t.Fatalf("nobody listens at %s:\n%s", address, p.output.String())
		}
	}
}

// stop ends the program and waits for it.
func (p *process) stop(t testing.TB) {
	t.Helper()
	p.once.Do(func() {
		if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("stop %s: %v", p.command.Path, err)
		}
		late := time.AfterFunc(stopping, func() { _ = p.command.Process.Kill() })
		defer late.Stop()
		<-p.ended
	})
}
