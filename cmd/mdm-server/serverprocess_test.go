package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// program builds mdm-server as make build does, once for all tests: what is
// killed is the real thing, and not slowed by the race detector.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mdm-server-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "mdm-server")
	build := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// removeProgram clears away what program built, if it did.
func removeProgram() {
	if !programBuilt.Load() {
		return
	}
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
}

var programBuilt atomic.Bool

// serverProcess is a server in a process of its own, to be killed.
type serverProcess struct {
	server
	cmd *exec.Cmd
	log *syncBuffer
}

// startProcess runs mdm-server in a process of its own and returns once it
// listens.
func startProcess(tb testing.TB, data string, args ...string) *serverProcess {
	tb.Helper()
	programBuilt.Store(true)
	path, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	args = append([]string{"--data", data,
		"--device-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ops-listen", "off"}, args...)
	p := &serverProcess{cmd: exec.CommandContext(tb.Context(), path, args...), log: new(syncBuffer)}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for (p.at.Device == "" || p.at.Admin == "") && lines.Scan() {
		_, _ = p.log.Write(append(lines.Bytes(), '\n'))
		var entry struct{ Msg, Listener, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) != nil || entry.Msg != "listening" {
			continue
		}
		switch entry.Listener {
		case "device":
			p.at.Device = entry.Address
		case "admin":
			p.at.Admin = entry.Address
		}
	}
	if p.at.Admin == "" {
		p.kill()
		tb.Fatalf("the server process did not start:\n%s", strings.TrimSpace(p.log.String()))
	}
	go func() {
		for lines.Scan() {
			_, _ = p.log.Write(append(lines.Bytes(), '\n'))
		}
	}()
	tb.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut would.
func (p *serverProcess) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
