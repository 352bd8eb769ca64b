package notify

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const page = "../../docs/notify.md"

// fenced gives the first block of a language on the page.
func fenced(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n```"+language+"\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("%s has no block of %s", page, language)
	}
	return block
}

// TestPageChecksSignatures runs what the page tells receivers to run.
func TestPageChecksSignatures(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl on this machine: what the page says is not run")
	}
	script := fenced(t, "sh")
	now := time.Now().Unix()
	body, err := noticeOf(t, entry(17, ActionRequest)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	const id = "17-e544fb27214fe160"
	other := "whsec_" + strings.Repeat("A", 44)
	signed := func(at int64, text string) string {
		return signatures(secrets(t, text), id, strconv.FormatInt(at, 10), body)
	}
	tests := []struct {
		name      string
		timestamp int64
		signature string
		body      string
		want      string
	}{
		{"genuine", now, signed(now, testSecret), string(body), "genuine\n"},
		{"two secrets", now, signed(now, other+"\n"+testSecret), string(body), "genuine\n"},
		{"another secret", now, signed(now, other), string(body), ""},
		{"another body", now, signed(now, testSecret), strings.Replace(string(body), "alice", "bobby", 1), ""},
		{"another time", now + 1, signed(now, testSecret), string(body), ""},
		{"replayed", now - 301, signed(now-301, testSecret), string(body), ""},
		{"none", now, "", string(body), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"hook.secret": testSecret + "\n", "body.json": tt.body} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "ID="+id, "TIMESTAMP="+strconv.FormatInt(tt.timestamp, 10), "SIGNATURE="+tt.signature)
			cmd.Stderr = t.Output()
			out, err := cmd.Output()
			if string(out) != tt.want || tt.want != "" && err != nil {
				t.Errorf("the script says %q, %v; want %q", out, err, tt.want)
			}
		})
	}
}

// TestPageShowsTheBody: the example is what is sent.
func TestPageShowsTheBody(t *testing.T) {
	body, err := noticeOf(t, entry(17, ActionRequest)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	check(t, "example", string(body)+"\n", fenced(t, "json"))
}

// TestPageNamesWhatIsTold: every action and kind is on the page.
func TestPageNamesWhatIsTold(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range told {
		for _, word := range []string{what.action, string(what.kind)} {
			if !strings.Contains(string(text), "`"+word+"`") {
				t.Errorf("%s does not name %s", page, word)
			}
		}
	}
}
