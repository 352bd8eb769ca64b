package access

import (
	"net/netip"
	"strings"

	"ringfence/internal/device"
)

// SignIn is what is asked: one person, one app or action, and the circumstances
// as the door saw them. What the door does not know stays zero.
type SignIn struct {
	Person Person
	// App is what is signed in to. It is not looked at where Action is given.
	App    string
	Action Action
	// Platform is what the client says. The platform of a known device outranks it.
	Platform   Platform
	Client     ClientApp
	Address    netip.Addr
	Country    string
	SignInRisk Risk
	UserRisk   Risk
	Flow       Flow
	// MFA: the person has shown a second factor in this session.
	MFA bool
	// CertificateBound: the session is bound to a certificate that the door has
	// verified and matched to an enrolment.
	CertificateBound bool
	// Request is what the door asks for in its own words; nil where it has none.
	Request *Request
}

// Person is who signs in.
type Person struct {
	Name   string
	Groups []string
	Roles  []string
	// Disabled: the organisation has taken the account out of use. Nobody is let
	// in by it, whatever policies there are.
	Disabled bool
	// Version changes when what the directory says of the person does.
	Version uint64
}

// Facts are what is known of the phone and of the app, apart from what the door
// saw. Nil is not known.
type Facts struct {
	Device       *Device
	Registration *Registration
}

// Device is an enrolled phone in its present epoch.
type Device struct {
	ID    device.ID
	Epoch device.Epoch
	// User is the person it is enrolled for; empty where it is nobody's.
	User          string
	Ownership     device.Ownership
	Mode          device.Mode
	Platform      Platform
	Group         string
	Model         string
	OSVersion     string
	SecurityPatch string // the date, as YYYY-MM-DD
	// WorkApps are the packages of the work side.
	WorkApps []string
	// Version changes when the record does.
	Version uint64
	// Compliance is the word of compliance.
	Compliance Verdict
}

// Registration is the person's work account in the app that signs in, in its
// present epoch.
type Registration struct {
	ID    device.ID
	Epoch device.Epoch
	// User is the person who has signed in to the app.
	User     string
	Package  string
	Platform Platform
	// Approved: the organisation approves the app.
	Approved bool
	// Version changes when the record does.
	Version uint64
	// Protection is the word of app protection.
	Protection Verdict
}

// question is a sign-in with all that can be said of it before any policy is
// looked at.
type question struct {
	in    *SignIn
	facts *Facts
	// values are the indexes of the sign-in's values, one for each dimension.
	values  [dimensions]uint8
	address netip.Addr
	country string
	action  Action
	// met are the controls that are met whatever a policy says of ages.
	met          ControlSet
	compliance   standing
	registration standing
}

// The dimensions: conditions that have few values, each with a row of its own
// in the index.
const (
	byPlatform = iota
	byClient
	bySignInRisk
	byUserRisk
	byOwnership
	byMode
	byFlow
	dimensions = iota
)

// counts are how many values each dimension has.
var counts = [dimensions]int{
	len(platformNames), len(clientNames), len(riskNames), len(riskNames), len(ownerships), len(modes), len(flowNames),
}

// known gives the index of a value, zero where it has none.
func known[T ~uint8](n T, dimension int) uint8 {
	if int(n) < counts[dimension] {
		return uint8(n)
	}
	return 0
}

// describe fills in what does not depend on time.
func (q *question) describe(in *SignIn, f *Facts) {
	q.in, q.facts = in, f
	q.address = in.Address.Unmap().WithZone("")
	q.country = strings.ToUpper(in.Country)
	if int(in.Action) < len(actionNames) {
		q.action = in.Action
	}
	q.values = [dimensions]uint8{
		byPlatform:   known(PlatformOf(in, f), byPlatform),
		byClient:     known(in.Client, byClient),
		bySignInRisk: known(in.SignInRisk, bySignInRisk),
		byUserRisk:   known(in.UserRisk, byUserRisk),
		byFlow:       known(in.Flow, byFlow),
	}
	ownership, mode := holding(f)
	q.values[byOwnership], q.values[byMode] = indexOf(ownerships, ownership), indexOf(modes, mode)
	if in.MFA {
		q.met |= setOf(MFA)
	}
	if in.CertificateBound {
		q.met |= setOf(CertificateBound)
	}
	if f.Device != nil {
		q.met |= setOf(ManagedDevice)
	}
}

// PlatformOf gives the platform that conditions go by: that of an attested phone
// or app, which outranks what the client says.
func PlatformOf(in *SignIn, f *Facts) Platform {
	switch {
	case f.Device != nil && f.Device.Platform != UnknownPlatform:
		return f.Device.Platform
	case f.Registration != nil && f.Registration.Platform != UnknownPlatform:
		return f.Registration.Platform
	default:
		return in.Platform
	}
}

// holding says whose the phone is and how it is managed.
func holding(f *Facts) (device.Ownership, device.Mode) {
	switch {
	case f.Device != nil:
		return f.Device.Ownership, f.Device.Mode
	case f.Registration != nil:
		return device.Personal, device.AppAccount
	default:
		return "", ""
	}
}

func indexOf[T comparable](all []T, value T) uint8 {
	for i := range all {
		if all[i] == value {
			return uint8(i)
		}
	}
	return 0
}
