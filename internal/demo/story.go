package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ringfence/internal/signin/signintest"
)

// story is the state the chapters share.
type story struct {
	ctx      context.Context
	bin, dir string
	began    time.Time
	chapters int

	device     string // address of the device listener
	admin      string // address of the administrators' listener
	credential string // the first administrator's mdmctl.yaml, who is an owner
	bob        string // the mdmctl.yaml of an approver
	deviceID   string // the phone that the story is about
	personal   sum    // the personal side before anything happened

	running map[string]*process

	// flags are what the server gets besides, from the third story on.
	flags []string
	doors doors

	provider *signintest.Provider // where the company's people sign in
	own      sum                  // everything of Erin's on her own phone
	printed  string               // what the last program that failed had printed
}

// process is a program in the background.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

func (s *story) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *story) chapter(title string) {
	s.chapters++
	fmt.Printf("\n%d. %s\n", s.chapters, title)
}

func (s *story) say(format string, args ...any) { fmt.Printf("   · "+format+"\n", args...) }

func (s *story) quote(out string) {
	for line := range strings.Lines(strings.TrimSpace(out)) {
		fmt.Print("     | ", strings.TrimRight(line, "\n"), "\n")
	}
}

// launch starts a program in the background, its output in a log file.
func (s *story) launch(env []string, name, program string, args ...string) error {
	log, err := os.Create(s.path(name + ".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	p := &process{
		cmd:  exec.CommandContext(s.ctx, filepath.Join(s.bin, program), args...),
		log:  log.Name(),
		done: make(chan struct{}),
	}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w (run make build first)", program, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if s.running == nil {
		s.running = make(map[string]*process)
	}
	s.running[name] = p
	return nil
}

// await reads the log of a process until it says where a listener is.
func (s *story) await(name, message, listener string) (address string, err error) {
	p := s.running[name]
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		data, err := os.ReadFile(p.log)
		if err != nil {
			return "", err
		}
		for line := range bytes.Lines(data) {
			var entry struct{ Msg, Listener, Address string }
			if json.Unmarshal(line, &entry) == nil && entry.Msg == message && entry.Listener == listener {
				return entry.Address, nil
			}
		}
		select {
		case <-tick.C:
		case <-p.done:
			return "", fmt.Errorf("%s ended early: %w", name, p.err)
		case <-s.ctx.Done():
			return "", s.ctx.Err()
		}
	}
}

// exited waits for a background program to end by itself, without an error.
func (s *story) exited(name string, within time.Duration) error {
	p := s.running[name]
	select {
	case <-p.done:
		return p.err
	case <-time.After(within):
		return errors.New("still running")
	}
}

func (s *story) stopAll() {
	for _, p := range s.running {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(20 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	}
}

func (s *story) showLogs() {
	for name, p := range s.running {
		data, err := os.ReadFile(p.log)
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		fmt.Fprintf(os.Stderr, "\n--- last lines of %s ---\n%s\n", name, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
}

// output runs a program to its end and gives what it printed.
func (s *story) output(env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(s.ctx, filepath.Join(s.bin, program), args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.printed = stdout.String()
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// ctl runs mdmctl as the first administrator.
func (s *story) ctl(args ...string) (string, error) {
	return s.output(nil, "mdmctl", append([]string{"--config", s.credential}, args...)...)
}

// ctlJSON runs mdmctl and decodes its answer.
func (s *story) ctlJSON(into any, args ...string) error {
	out, err := s.ctl(append(args, "-o", "json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("mdmctl %s: %w in %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// agent runs mdm-agent on the phone.
func (s *story) agent(args ...string) (string, error) { return s.agentWith("", args...) }

// agentWith runs mdm-agent on the phone with a token in its environment.
func (s *story) agentWith(token string, args ...string) (string, error) {
	return s.agentAs("phone", token, args...)
}

func (s *story) agentAs(phone, token string, args ...string) (string, error) {
	env := []string{"MDM_PHONE=" + s.path(phone)}
	if token != "" {
		env = append(env, "MDM_TOKEN="+token)
	}
	return s.output(env, "mdm-agent", args...)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
