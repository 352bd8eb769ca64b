package webhook

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSignature compares with the example of Standard Webhooks' libraries.
func TestSignature(t *testing.T) {
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	id, body := "msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	other := Secret(make([]byte, 64))
	got := SignAll([]Secret{secret, other}, id, time.Unix(1614265330, 999), body)
	both := Signed{ID: id, Timestamp: "1614265330", Signature: want + " " + other.Sign(id, "1614265330", body)}
	if diff := cmp.Diff(both, got); diff != "" {
		t.Errorf("signed (-want +got):\n%s", diff)
	}
	if again, err := ParseSecret(secret.String()); err != nil || string(again) != string(secret) {
		t.Errorf("ParseSecret(String()) = %v, %v", again, err)
	}
}

// sized is a secret of so many bytes.
func sized(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }

func TestParseSecrets(t *testing.T) {
	tests := map[string]bool{
		sized(24): true, sized(64): true, sized(32) + "\n": true, strings.Repeat(sized(32)+"\n", 4): true, sized(24) + "\n\n " + sized(64) + "\r\n": true,
		"": false, "\n": false, sized(23): false, sized(65): false, "password": false, "whsec_": false,
		strings.TrimPrefix(sized(32), "whsec_"): false, sized(32) + "x": false, sized(32) + " " + sized(32): false,
		strings.Repeat(sized(32)+"\n", 5): false, "whsec_-_" + strings.Repeat("A", 42): false,
	}
	for text, want := range tests {
		_, err := ParseSecrets(text)
		if ok := err == nil; ok != want {
			t.Errorf("ParseSecrets(%q) = %v, want ok: %v", text, err, want)
		}
	}
}

func TestParseSecret(t *testing.T) {
	for text, want := range map[string]bool{
		sized(24): true, sized(24) + "\n": false, " " + sized(24): false, sized(23): false, sized(65): false,
		"whsec_" + strings.Repeat("A", 16) + "\n" + strings.Repeat("A", 16): false,
	} {
		_, err := ParseSecret(text)
		if ok := err == nil; ok != want {
			t.Errorf("ParseSecret(%q) = %v, want ok: %v", text, err, want)
		}
	}
}
