package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// server is one server program, which is started and killed again and again.
type server struct {
	program string
	args    []string
	logFile string

	mu            sync.Mutex // guards what follows
	cmd           *exec.Cmd
	device, admin string
	starts, kills int
}

// start runs the program and returns once it listens.
func (s *server) start(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.program, s.args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	log, err := os.OpenFile(s.logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	at := make(map[string]string)
	for (at["device"] == "" || at["admin"] == "") && lines.Scan() {
		_, _ = fmt.Fprintln(log, lines.Text())
		var e struct{ Msg, Listener, Address string }
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Msg == "listening" {
			at[e.Listener] = e.Address
		}
	}
	if at["admin"] == "" || at["device"] == "" {
		return errors.Join(fmt.Errorf("the server did not start: see %s", s.logFile), cmd.Wait())
	}
	go func() {
		defer func() { _ = log.Close() }()
		for lines.Scan() {
			_, _ = fmt.Fprintln(log, lines.Text())
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd, s.device, s.admin = cmd, at["device"], at["admin"]
	s.starts++
	return nil
}

// kill ends it as a power cut would.
func (s *server) kill() {
	s.mu.Lock()
	cmd := s.cmd
	s.cmd, s.device, s.admin = nil, "", ""
	if cmd != nil {
		s.kills++
	}
	s.mu.Unlock()
	if cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func (s *server) addresses() (device, admin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.device, s.admin
}

// counts says how often it was started and killed.
func (s *server) counts() (starts, kills int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts, s.kills
}

// newServers makes one server on SQLite, or two on one PostgreSQL.
func newServers(o Options) []*server {
	n, database := 1, "sqlite:"+filepath.Join(o.Dir, "ringfence.db")
	if o.Database != "" {
		n, database = 2, o.Database
	}
	servers := make([]*server, n)
	for i := range servers {
		servers[i] = &server{
			program: o.Server, logFile: filepath.Join(o.Dir, fmt.Sprintf("server-%d.log", i+1)),
			args: []string{
				"--data", filepath.Join(o.Dir, "server"), "--database", database,
				"--device-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ops-listen", "off",
			},
		}
	}
	return servers
}
