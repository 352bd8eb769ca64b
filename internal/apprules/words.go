package apprules

// Action is what follows when a check fails. The numbers are stored: do not
// reorder; the greater is the stricter.
type Action uint8

// The actions.
const (
	// ActionNone asks nothing.
	ActionNone Action = iota
	// ActionWarn tells the person and lets them go on.
	ActionWarn
	// ActionBlock keeps the work account shut until the check holds.
	ActionBlock
	// ActionWipe takes the work account's data out of the app.
	ActionWipe
)

var actionNames = []string{"none", "warn", "block", "wipe"}

func (a Action) String() string { return nameOf(actionNames, a) }

// Level is how the phone is managed. The numbers are stored: do not reorder.
type Level uint8

// The levels.
const (
	Unenrolled Level = iota + 1
	WorkProfile
	FullyManaged
)

var levelNames = []string{"", "unenrolled", "work-profile", "fully-managed"}

func (l Level) String() string { return nameOf(levelNames, l) }

// enrolled reports whether a device policy can vouch for the phone.
func (l Level) enrolled() bool { return l == WorkProfile || l == FullyManaged }

// Reach is with whom data may be exchanged. The greater is the stricter.
type Reach uint8

// The reaches.
const (
	AllApps Reach = iota
	ManagedApps
	NoApps
)

var reachNames = []string{"all-apps", "managed-apps", "none"}

func (r Reach) String() string { return nameOf(reachNames, r) }

// Clipboard is with whom the clipboard is shared. The greater is the stricter.
type Clipboard uint8

// The levels of the clipboard.
const (
	ClipboardAllApps Clipboard = iota
	// ClipboardPasteIn: out to managed apps only, in from every app.
	ClipboardPasteIn
	ClipboardManagedApps
	ClipboardBlocked
)

var clipboardNames = []string{"all-apps", "managed-apps-with-paste-in", "managed-apps", "blocked"}

func (c Clipboard) String() string { return nameOf(clipboardNames, c) }

// Door says which apps may take a phone call, a message or a link. Its bits
// are demands: an app must meet each of them.
type Door uint8

// The demands.
const (
	DoorManaged Door = 1 << iota
	// DoorListed: the app is the one that the policy names beside the door.
	DoorListed
	// DoorEdge: the app is Microsoft Edge.
	DoorEdge
	// DoorShut: there is no such app.
	DoorShut
	// DoorOpen demands nothing.
	DoorOpen Door = 0
)

var (
	doorNames    = []string{"managed-apps", "custom-app", "", "blocked"}
	browserNames = []string{"managed-browser", "custom-browser", "microsoft-edge", "blocked"}
)

// Notifications says what a notification may show. The greater is the stricter.
type Notifications uint8

// The levels of notifications.
const (
	NotifyAll Notifications = iota
	// NotifyWithoutWorkData: that there is something, and not what.
	NotifyWithoutWorkData
	NotifyNothing
)

var notificationNames = []string{"allow", "block-organizational-data", "block"}

// Location is a set of places where files are kept.
type Location uint16

// The places.
const (
	OneDriveForBusiness Location = 1 << iota
	SharePoint
	Box
	LocalStorage
	PhotoLibrary
	IManage
	Egnyte
	Camera

	storageLocations   = OneDriveForBusiness | SharePoint | Box | LocalStorage | PhotoLibrary | IManage | Egnyte
	ingestionLocations = OneDriveForBusiness | SharePoint | Camera | PhotoLibrary
)

var locationNames = []string{
	"onedrive-for-business", "sharepoint", "box", "local-storage", "photo-library", "imanage", "egnyte", "camera",
}

// PINKind is what an app PIN is made of. The greater is the stricter.
type PINKind uint8

// The kinds of PIN.
const (
	PINNumeric PINKind = iota
	PINPasscode
)

var pinKindNames = []string{"numeric", "passcode"}

// Integrity is how far the phone's maker vouches for it. The greater is the
// better.
type Integrity uint8

// The integrity verdicts. Zero is "not reported".
const (
	IntegrityFailed Integrity = iota + 1
	IntegrityBasic
	IntegrityCertified
)

var (
	integrityNames    = []string{"not reported", "failed", "basic", "basic-and-certified"}
	integrityDemands  = []string{"", "", "basic", "basic-and-certified"}
	evaluationNames   = []string{"not reported", "basic", "hardware-backed"}
	evaluationDemands = []string{"", "basic", "hardware-backed"}
	lockNames         = []string{"not reported", "none", "set", "low", "medium", "high"}
	lockDemands       = []string{"", "", "set", "low", "medium", "high"}
	threatNames       = []string{"not reported", "secured", "low", "medium", "high"}
	threatDemands     = []string{"", "secured", "low", "medium", "high"}
	threatChoiceNames = []string{"worst", "defender-first", "third-party-first"}
	attestationNames  = []string{"not reported", "passed", "failed", "unsupported"}
	appScanNames      = []string{"not reported", "on", "off"}
	rootSignalNames   = []string{"rooted", "bootloader-unlocked", "rom-modified"}
)

func (i Integrity) String() string { return nameOf(integrityNames, i) }

// Evaluation is how an integrity verdict was reached. The greater is the better.
type Evaluation uint8

// The evaluations. Zero is "not reported".
const (
	EvaluationBasic Evaluation = iota + 1
	EvaluationHardware
)

func (e Evaluation) String() string { return nameOf(evaluationNames, e) }

// Lock is the phone's screen lock. The greater is the better.
type Lock uint8

// The locks. Zero is "not reported". LockSet is a lock whose strength the phone
// does not say; Android does since version 12.
const (
	LockNone Lock = iota + 1
	LockSet
	LockLow
	LockMedium
	LockHigh
)

func (l Lock) String() string { return nameOf(lockNames, l) }

// Threat is what a threat defence app says of the phone. The greater is the
// worse.
type Threat uint8

// The threat levels. Zero is "not reported".
const (
	ThreatSecured Threat = iota + 1
	ThreatLow
	ThreatMedium
	ThreatHigh
)

func (t Threat) String() string { return nameOf(threatNames, t) }

// ThreatChoice is a set of ways to choose among two defence apps' words.
type ThreatChoice uint8

// The choices.
const (
	// ThreatWorst takes the worse word.
	ThreatWorst ThreatChoice = 1 << iota
	// DefenderFirst takes Microsoft Defender's word, else the other's.
	DefenderFirst
	// ThirdPartyFirst takes the other's word, else Microsoft Defender's.
	ThirdPartyFirst
)

// nameOf gives the name of a value of an enumeration.
func nameOf[N ~uint8](names []string, n N) string {
	if int(n) < len(names) && names[n] != "" {
		return names[n]
	}
	return "unknown"
}
