package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

const serverEnv = "RINGFENCE_TEST_SERVER"

// runServerProcess is the test binary standing in for mdm-server: args are the
// command line as JSON.
func runServerProcess(args string) int {
	var list []string
	if err := json.Unmarshal([]byte(args), &list); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, list, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitCode(err)
	}
	return 0
}

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
	raw, err := json.Marshal(append([]string{"--data", data,
		"--device-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ops-listen", "off"}, args...))
	if err != nil {
		tb.Fatal(err)
	}
	p := &serverProcess{cmd: exec.CommandContext(tb.Context(), os.Args[0]), log: new(syncBuffer)}
	p.cmd.Env = append(os.Environ(), serverEnv+"="+string(raw))
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
