package scim_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"ringfence/internal/directory"
	"ringfence/internal/directory/directorydb"
	"ringfence/internal/directory/scim"
)

// broken is a store that fails in the words of a driver, and panics.
type broken struct{ directory.Store }

func (broken) User(context.Context, string) (directory.User, error) {
	return directory.User{}, errors.New("dial tcp 10.1.2.3: password is hunter2")
}

func (broken) ListUsers(context.Context, directory.Query) ([]directory.User, int, error) {
	panic("hunter2")
}

// TestInternalErrors: what went wrong is in the log, and not in the answer.
func TestInternalErrors(t *testing.T) {
	one(t, func(s *server) {
		h := s.http.Config.Handler
		s.http.Config.Handler = scim.New(scim.Config{
			Directory: directory.New(directory.Config{Store: broken{directorydb.New(s.db)}, Now: s.clock, NewID: s.newID}),
			Tokens:    s.tokens, Now: s.clock, NewID: s.newID, Log: s.logger(),
		})
		defer func() { s.http.Config.Handler = h }()
		for _, path := range []string{"/Users/x", "/Users"} {
			got := s.want(http.StatusInternalServerError, "GET", path, "")
			detail, _ := got.body["detail"].(string)
			if !strings.HasPrefix(detail, "internal error (request ") || strings.Contains(got.text, "hunter2") {
				t.Errorf("%s: the answer is %s", path, got.text)
			}
			_, request, _ := strings.Cut(detail, "request ")
			if log := s.log.String(); !strings.Contains(log, "hunter2") || !strings.Contains(log, strings.TrimSuffix(request, ")")) {
				t.Errorf("%s: the log does not say what happened:\n%s", path, log)
			}
		}
	})
}

// TestOwnName: without a BaseURL, places are under the name that was called.
func TestOwnName(t *testing.T) {
	one(t, func(s *server) {
		s.http.Config.Handler = scim.New(scim.Config{Directory: s.directory, Tokens: s.tokens, Now: s.clock, NewID: s.newID, Log: s.logger()})
		got := s.want(http.StatusCreated, "POST", "/Users", `{"userName":"anna"}`)
		check(t, "Location", s.http.URL+"/scim/v2/Users/"+got.id(), got.header.Get("Location"))
	})
}

func TestTokenList(t *testing.T) {
	one(t, func(s *server) {
		if _, _, err := s.tokens.Create(t.Context(), "okta"); !errors.Is(err, directory.ErrTokenExists) {
			t.Errorf("the name again: %v", err)
		}
		if _, _, err := s.tokens.Create(t.Context(), "Okta 2"); err == nil {
			t.Error("a name with a space")
		}
		all, err := s.tokens.List(t.Context())
		if err != nil || len(all) != 1 || all[0].Name != "okta" || all[0].CreatedBy != "server" {
			t.Errorf("List = %+v, %v", all, err)
		}
		if strings.Contains(s.secret, string(all[0].Secret[:])) {
			t.Error("the secret itself is kept")
		}
	})
}
