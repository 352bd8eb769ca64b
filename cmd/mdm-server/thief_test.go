package main

import (
	"testing"

	"google.golang.org/grpc/codes"

	"ringfence/internal/identity"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestRevokedAsker: what waits is void once the credential that asked was revoked,
// on whichever server: nobody lets go by mistake what a thief asked for.
func TestRevokedAsker(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		mallory, bob := one.colleague(t, "mallory", identity.Owner), two.colleague(t, "bob", identity.Approver)
		phones := one.joins(t, 6, "branch", "maria@example.com")
		r := must[*wipev1.WipeRequest](t)(mallory.planned(t, ofDevices(phones...), workProfile))
		wantState(t, "six work profiles", r, waiting)
		all, err := one.parts.enroll.ListAdministrators(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if a.Name != "mallory" {
				continue
			}
			if _, err := one.parts.enroll.RevokeAdministrator(t.Context(), a.Serial); err != nil {
				t.Fatal(err)
			}
		}
		_, err = bob.requests.ApproveRequest(t.Context(), &wipev1.ApproveRequestRequest{Id: r.GetId()})
		wantStatus(t, "after the revocation", err, codes.FailedPrecondition, "ASKER_REVOKED")
		got := must[*wipev1.GetRequestResponse](t)(bob.requests.GetRequest(t.Context(), &wipev1.GetRequestRequest{Id: r.GetId()}))
		wantState(t, "after the revocation", got.GetRequest(), wipev1.RequestState_REQUEST_STATE_VOID)
	})
}
