package accessrpc

import (
	"google.golang.org/protobuf/proto"

	accessv1 "ringfence/proto/mdm/access/v1"
)

// QuickDecide reports whether m is a DecideRequest that surely satisfies its
// validation rules. False says nothing: the full check then decides, and finds
// the words. A decision takes less time than the rules, which are interpreted.
func QuickDecide(m proto.Message) bool {
	r, ok := m.(*accessv1.DecideRequest)
	return ok && r.GetSignIn() != nil && quickSignIn(r.GetSignIn())
}

// quickSignIn leaves what a door says in its own words to the full check. Octets
// are no fewer than characters.
func quickSignIn(w *accessv1.SignIn) bool {
	return len(w.GetUser()) <= 256 && namesFit(w.GetGroups()) && namesFit(w.GetRoles()) && len(w.GetApp()) <= 256 &&
		len(w.GetDeviceId()) <= 64 && len(w.GetRegistrationId()) <= 64 && len(w.GetAddress()) <= 64 &&
		countryOrNone(w.GetCountry()) && w.GetOperation() == nil &&
		upTo(w.GetAction(), lastAction) && upTo(w.GetPlatform(), lastPlatform) && upTo(w.GetClient(), lastClient) &&
		upTo(w.GetSignInRisk(), lastRisk) && upTo(w.GetUserRisk(), lastRisk) && upTo(w.GetFlow(), lastFlow)
}

const (
	lastAction   = accessv1.UserAction_USER_ACTION_REGISTER_DEVICE
	lastPlatform = accessv1.Platform_PLATFORM_LINUX
	lastClient   = accessv1.ClientApp_CLIENT_APP_OTHER
	lastRisk     = accessv1.Risk_RISK_HIGH
	lastFlow     = accessv1.Flow_FLOW_TRANSFER
)

func upTo[E ~int32](v, last E) bool { return v >= 0 && v <= last }

func namesFit(names []string) bool {
	if len(names) > 1024 {
		return false
	}
	for _, name := range names {
		if len(name) > 256 {
			return false
		}
	}
	return true
}

func countryOrNone(s string) bool {
	if len(s) != 2 {
		return s == ""
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}
