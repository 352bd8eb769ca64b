package enroll_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
)

// scoped is a room with one phone and one token in each of two groups.
type scoped struct {
	*room
	phones map[string]identity.Caller
	tokens map[string]enroll.Token
}

func inGroups(r *room) scoped {
	s := scoped{room: r, phones: map[string]identity.Caller{}, tokens: map[string]enroll.Token{}}
	for _, group := range []string{"hr", "sales"} {
		k, secret := r.tokenOf(group, 9)
		s.tokens[group], s.phones[group] = k, r.join(secret, "tag-of-"+group)
	}
	return s
}

// TestScope: what is in another group is not there, whatever is asked of it.
func TestScope(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		s := inGroups(r)
		hr, phone, token := of(t, "hr"), s.phones["sales"].Device, s.tokens["sales"].ID
		before := r.dump()
		for name, tt := range map[string]struct{ got, want error }{
			"find a device":          {errOf(r.FindDevice(hr, phone)), enroll.ErrNoDevice},
			"retire a device":        {errOf(r.RetireDevice(hr, phone, 0, "x")), enroll.ErrNoDevice},
			"retire an older epoch":  {errOf(r.RetireDevice(hr, phone, 7, "x")), enroll.ErrNoDevice},
			"delete a device":        {errOf(r.DeleteDevice(hr, phone, 0, "x")), enroll.ErrNoDevice},
			"delete an older epoch":  {errOf(r.DeleteDevice(hr, phone, 7, "x")), enroll.ErrNoDevice},
			"get a token":            {errOf(r.Token(hr, token)), enroll.ErrNoToken},
			"revoke a token":         {errOf(r.RevokeToken(hr, token)), enroll.ErrNoToken},
			"make a token":           {makeToken(hr, r, "sales"), enroll.ErrOutOfScope},
			"make a default token":   {makeToken(hr, r, ""), enroll.ErrOutOfScope},
			"a phone finds a device": {errOf(r.FindDevice(identity.With(t.Context(), s.phones["sales"]), phone)), enroll.ErrNoDevice},
			"a phone makes a token":  {makeToken(identity.With(t.Context(), s.phones["sales"]), r, "sales"), enroll.ErrOutOfScope},
		} {
			if !errors.Is(tt.got, tt.want) {
				t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
			}
		}
		if diff := cmp.Diff(before, r.dump()); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}
		if _, err := r.Device(hr, phone); err != nil {
			t.Errorf("for other rooms it is there whoever asks: %v", err)
		}

		own := s.phones["hr"].Device
		must(t, errOf(r.FindDevice(hr, own)))
		must(t, errOf(r.Token(hr, s.tokens["hr"].ID)))
		must(t, errOf(r.RevokeToken(hr, s.tokens["hr"].ID)))
		must(t, errOf(r.RetireDevice(hr, own, 0, "x")))
		must(t, errOf(r.DeleteDevice(hr, own, 0, "x")))
		must(t, makeToken(hr, r, "hr"))
	})
}

func makeToken(ctx context.Context, r *room, group string) error {
	_, _, err := r.CreateToken(ctx, enroll.TokenSpec{
		RequestKey: "request-of-" + group, Group: group, Ownership: device.Company, Mode: device.Dedicated,
	})
	return err
}

// TestScopeOfListings: pages are full pages of what the caller may see.
func TestScopeOfListings(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		want := map[string][]string{}
		for i := range 9 {
			group := []string{"hr", "sales", "it"}[i%3]
			k, secret := r.tokenOf(group, 1)
			want[group+" tokens"] = append([]string{k.ID}, want[group+" tokens"]...)
			want[group+" devices"] = append(want[group+" devices"], string(r.join(secret, "").Device))
			r.clock.pass(1)
		}
		for name, tt := range map[string]struct {
			ctx   context.Context
			group string // of the filter
			want  int
		}{
			"everywhere":           {of(t), "", 9},
			"the server itself":    {t.Context(), "", 9},
			"two groups":           {of(t, "hr", "it"), "", 6},
			"no such group":        {of(t, "kiosk"), "", 0},
			"filtered":             {of(t, "hr", "it"), "it", 3},
			"filtered beyond":      {of(t, "hr", "it"), "sales", 0},
			"a phone, out of line": {identity.With(t.Context(), identity.Caller{Kind: identity.Device, Group: "hr"}), "", 0},
		} {
			got := r.devicePages(tt.ctx, enroll.DeviceQuery{Limit: 2, Group: tt.group, Groups: []string{"sales"}})
			if len(got) != tt.want {
				t.Errorf("%s: %d devices, want %d", name, len(got), tt.want)
			}
		}
		if diff := cmp.Diff(want["hr devices"], r.devicePages(of(t, "hr"), enroll.DeviceQuery{Limit: 2})); diff != "" {
			t.Errorf("devices of hr (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want["hr tokens"], r.tokenPages(of(t, "hr"))); diff != "" {
			t.Errorf("tokens of hr (-want +got):\n%s", diff)
		}
	})
}

// devicePages walks a listing and sees to it that every page but the last is
// full.
func (r *room) devicePages(ctx context.Context, q enroll.DeviceQuery) []string {
	r.t.Helper()
	var ids []string
	for {
		page, next, err := r.ListDevices(ctx, q)
		must(r.t, err)
		for _, d := range page {
			ids = append(ids, string(d.ID))
		}
		if q.After = next; next.IsZero() {
			return ids
		}
		if len(page) != q.Limit {
			r.t.Errorf("a page of %d, want %d", len(page), q.Limit)
		}
	}
}

func (r *room) tokenPages(ctx context.Context) []string {
	r.t.Helper()
	var ids []string
	for q := (enroll.TokenQuery{Limit: 2}); ; {
		page, next, err := r.ListTokens(ctx, q)
		must(r.t, err)
		for _, k := range page {
			ids = append(ids, k.ID)
		}
		if q.After = next; next.IsZero() {
			return ids
		}
		if len(page) != q.Limit {
			r.t.Errorf("a page of %d, want %d", len(page), q.Limit)
		}
	}
}
