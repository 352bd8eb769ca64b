package access

import "ringfence/internal/device"

// State says whether a policy counts. The numbers are stored: do not reorder.
type State uint8

// The states.
const (
	// On: the policy decides.
	On State = iota + 1
	// ReportOnly: the policy is evaluated and told of, and decides nothing.
	ReportOnly
	// Off: the policy is kept and does nothing.
	Off
)

var stateNames = []string{"", "on", "report-only", "off"}

func (s State) String() string { return nameOf(stateNames, s) }

// Platform is what a sign-in comes from. The numbers are stored: do not reorder.
type Platform uint8

// The platforms.
const (
	UnknownPlatform Platform = iota
	Android
	IOS
	Windows
	MacOS
	Linux
)

var platformNames = []string{"unknown", "android", "ios", "windows", "macos", "linux"}

func (p Platform) String() string { return nameOf(platformNames, p) }

// ClientApp is the kind of program that signs in. The numbers are stored: do
// not reorder.
type ClientApp uint8

// The kinds of client.
const (
	UnknownClient ClientApp = iota
	Browser
	// NativeClient is a mobile app or a desktop program.
	NativeClient
	// ActiveSync and OtherClient are legacy: nobody can ask them for anything.
	ActiveSync
	OtherClient
)

var clientNames = []string{"unknown", "browser", "native", "active-sync", "other"}

func (c ClientApp) String() string { return nameOf(clientNames, c) }

// legacy reports whether a client cannot meet what it is asked for.
func (c ClientApp) legacy() bool { return c == ActiveSync || c == OtherClient }

// Risk is how likely a sign-in or a person is not what it seems. The numbers
// are stored: do not reorder.
type Risk uint8

// The risks. RiskNone has been looked for and not found.
const (
	UnknownRisk Risk = iota
	RiskNone
	RiskLow
	RiskMedium
	RiskHigh
)

var riskNames = []string{"unknown", "none", "low", "medium", "high"}

func (r Risk) String() string { return nameOf(riskNames, r) }

// Flow is how the sign-in is done. The numbers are stored: do not reorder.
type Flow uint8

// The flows.
const (
	OrdinaryFlow Flow = iota
	// DeviceCode types a code on one device to sign another in.
	DeviceCode
	// Transfer takes a signed-in state from one device to another.
	Transfer
)

var flowNames = []string{"ordinary", "device-code", "transfer"}

func (f Flow) String() string { return nameOf(flowNames, f) }

// Action is what a person does other than signing in to an app. The numbers
// are stored: do not reorder.
type Action uint8

// The user actions.
const (
	// NoAction: it is a sign-in to an app.
	NoAction Action = iota
	RegisterSecurityInfo
	RegisterDevice
)

var actionNames = []string{"", "register-security-info", "register-device"}

func (a Action) String() string { return nameOf(actionNames, a) }

// The ownerships and modes in the order in which they are indexed. The empty
// word is an unknown device.
var (
	ownerships = []device.Ownership{"", device.Personal, device.Company}
	modes      = []device.Mode{"", device.WorkProfile, device.FullyManaged, device.Dedicated, device.AppAccount}
)

// nameOf gives the name of a number; the first name stands for any other.
func nameOf[T ~uint8](names []string, n T) string {
	if int(n) < len(names) {
		return names[n]
	}
	return names[0]
}
