package webkeys

import (
	"encoding/base64"
	"encoding/json"
	"testing"
)

// FuzzReadHeader: what is read says what any other reader would read, each name
// once.
func FuzzReadHeader(f *testing.F) {
	for _, text := range []string{
		`{"alg":"ES256","kid":"k","typ":"at+jwt"}`, `{"alg":"none","alg":"ES256","kid":"k","typ":"t"}`,
		`{"ALG":"none","alg":"ES256","kid":"k","typ":"t"}`, `{"alg":"ES256","kid":"k","typ":"t"}{}`, `[]`, `{"alg":{}}`, "",
		`{"alg":"\ud800","kid":"k","typ":"t"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := readHeader(base64.RawURLEncoding.EncodeToString(text) + ".e30.AA")
		if err != nil {
			return
		}
		var members map[string]string
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatalf("%q was read, and is not JSON of texts: %v", text, err)
		}
		if len(members) != 3 || members["alg"] != string(h.Algorithm) || members["kid"] != h.KeyID || members["typ"] != h.Type {
			t.Errorf("%q was read as %+v", text, h)
		}
	})
}
