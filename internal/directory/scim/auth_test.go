package scim_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/directory"
)

func TestTokens(t *testing.T) {
	one(t, func(s *server) {
		good := "Authorization: Bearer " + s.secret
		s.want(http.StatusOK, "GET", "/Users", "", good)
		s.want(http.StatusOK, "GET", "/Users", "", "Authorization: bearer "+s.secret)
		wrong := s.secret[:len(s.secret)-1] + "x"
		if wrong == s.secret {
			wrong = s.secret[:len(s.secret)-1] + "y"
		}
		for _, header := range []string{
			"Authorization: ", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Basic " + s.secret, "Authorization: " + s.secret,
			"Authorization: Bearer " + wrong, "Authorization: Bearer  " + s.secret, "Authorization: Bearer " + strings.ToUpper(s.secret),
		} {
			{
				got := s.do("GET", "/Users", "", header)
				if got.status != http.StatusUnauthorized || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%q: %d %s", header, got.status, got.text)
				}
				if strings.Contains(got.text, s.secret) {
					t.Errorf("%q: the answer has the secret", header)
				}
			}
		}
		if strings.Contains(s.log.String(), s.secret) {
			t.Error("the log has the secret")
		}

		// Revoked: at once, and it stays so.
		if _, err := s.tokens.Revoke(t.Context(), "okta"); err != nil {
			t.Fatal(err)
		}
		s.problem(http.StatusUnauthorized, "", "GET", "/Users", "", good)
		if _, err := s.tokens.Revoke(t.Context(), "okta"); err == nil {
			t.Error("revoked twice")
		}
	})
}

// TestGuessing: who guesses is slowed down, and those with good tokens at the
// same address are not.
func TestGuessing(t *testing.T) {
	one(t, func(s *server) {
		guess := func(n int) int {
			lookup := fmt.Sprintf("%012x", n)
			return s.do("GET", "/Users", "", "Authorization: Bearer scim_"+lookup+"_"+strings.Repeat("A", 43)).status
		}
		s.want(http.StatusOK, "GET", "/Users", "")
		count := map[int]int{}
		for n := range 50 {
			count[guess(n)]++
			s.want(http.StatusOK, "GET", "/ServiceProviderConfig", "")
		}
		check(t, "answers", map[int]int{http.StatusUnauthorized: 10, http.StatusTooManyRequests: 40}, count)
		s.problem(http.StatusTooManyRequests, "", "GET", "/Users", "", "Authorization: Bearer")
		s.pass(2 * time.Second)
		check(t, "later", []int{http.StatusUnauthorized, http.StatusTooManyRequests}, []int{guess(1), guess(2)})

		// A token that was good is asked about again once it is revoked.
		if _, err := s.tokens.Revoke(t.Context(), "okta"); err != nil {
			t.Fatal(err)
		}
		s.problem(http.StatusUnauthorized, "", "GET", "/Users", "")
		s.problem(http.StatusTooManyRequests, "", "GET", "/Users", "")
	})
}

// TestAtOnce: many requests change one user and one group, and none is lost.
func TestAtOnce(t *testing.T) {
	each(t, func(s *server) {
		anna := s.user("anna")
		group := s.group("Sales")
		var ids []string
		for n := range 8 {
			ids = append(ids, s.user(fmt.Sprint("user", n)))
		}
		var all sync.WaitGroup
		for n, id := range ids {
			all.Go(func() {
				got := s.do("PATCH", "/Groups/"+group, patch(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`))
				if got.status != http.StatusNoContent {
					t.Errorf("add: %d %s", got.status, got.text)
				}
			})
			all.Go(func() {
				got := s.do("PATCH", "/Users/"+anna, patch(fmt.Sprintf(`{"op":"replace","path":"externalId","value":"%d"}`, n)))
				if got.status != http.StatusOK {
					t.Errorf("change: %d %s", got.status, got.text)
				}
			})
		}
		all.Wait()
		check(t, "members", ids, s.members(group))
		check(t, "ETag", `W/"9"`, s.want(http.StatusOK, "GET", "/Users/"+anna, "").header.Get("ETag"))
	})
}

// TestDeletionReaches: who is deleted is cut off before the provider has its
// answer, and stays so until there is a new account.
func TestDeletionReaches(t *testing.T) {
	each(t, func(s *server) {
		id := s.user("anna")
		check(t, "at first", directory.Standing{Known: true, Active: true}, s.standing("Anna"))
		s.want(http.StatusNoContent, "DELETE", "/Users/"+id, "")
		check(t, "deleted", directory.Standing{Known: true}, s.standing("Anna"))
		check(t, "nobody", directory.Standing{}, s.standing("an/other"))
		s.user("ANNA")
		check(t, "made anew", directory.Standing{Known: true, Active: true}, s.standing("anna"))
	})
}
