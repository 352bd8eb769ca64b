// Package page makes opaque page tokens for listings. A token is bound to the
// listing and its filters, so that one cannot be carried over to another.
package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"ringfence/internal/fault"
)

// DefaultSize and MaxSize bound how many items a page holds.
const (
	DefaultSize = 100
	MaxSize     = 1000
)

// Size gives the page size for a wanted one: 0 means DefaultSize.
func Size(wanted uint32) int {
	if wanted == 0 {
		return DefaultSize
	}
	return int(min(wanted, MaxSize))
}

type token struct {
	Listing string `json:"l"`
	Cursor  string `json:"c"`
}

// Encode makes the token that continues after cursor in a listing. The
// listing is named by its kind and every filter that shapes it.
func Encode(cursor string, listing ...string) string {
	if cursor == "" {
		return ""
	}
	raw, err := json.Marshal(token{Listing: fingerprint(listing), Cursor: cursor})
	if err != nil {
		panic("page: two strings always marshal: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Decode gives the cursor in a token of the same listing, "" for the empty
// token. Anything else is an Invalid fault on page_token.
func Decode(s string, listing ...string) (cursor string, err error) {
	if s == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return "", fault.InvalidField("page_token", "is not a page token of this server")
	}
	var t token
	if err := json.Unmarshal(raw, &t); err != nil || t.Cursor == "" {
		return "", fault.InvalidField("page_token", "is not a page token of this server")
	}
	if t.Listing != fingerprint(listing) {
		return "", fault.InvalidField("page_token", "belongs to another listing: repeat the filters it was given for")
	}
	return t.Cursor, nil
}

func fingerprint(listing []string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", listing))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
