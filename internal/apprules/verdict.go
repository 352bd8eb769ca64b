package apprules

import "time"

// Standing is the verdict in one word. The numbers are stored: do not reorder;
// the greater is the stricter.
type Standing uint8

// The standings.
const (
	StandingOK Standing = iota + 1
	StandingWarn
	StandingBlock
	StandingWipe
)

var standingNames = []string{"", "ok", "warn", "block", "wipe"}

func (s Standing) String() string { return nameOf(standingNames, s) }

// standingAfter gives what an action makes of the standing.
func standingAfter(a Action) Standing { return StandingOK + Standing(a) }

// Verdict says whether the work account may be opened, why not, on evidence how
// old, and what happens next. The zero value is one that was never given.
type Verdict struct {
	Standing Standing
	// Findings have the strictest first, else in the order of the checks. A
	// check has at most one.
	Findings    []Finding
	EvaluatedAt time.Time
	// EvidenceAt is when the app looked; zero without a report.
	EvidenceAt time.Time
	// Since is since when the standing holds.
	Since time.Time
	// ChangesAt is when a finding will come, go or change its action by time
	// alone; zero when none will.
	ChangesAt time.Time
}

// Finding is one check that does not hold.
type Finding struct {
	// Check is the check's name: the setting without its action.
	Check Key
	// Threshold is what was asked, Actual what was seen.
	Threshold string
	Actual    string
	Action    Action
	// EvidenceAge is the time between the app's look and the judgement; zero
	// for what the server knows by itself.
	EvidenceAge time.Duration
	Since       time.Time
	// Remedy is what the person can do about it; RemedyKey is for translations.
	RemedyKey string
	Remedy    string
	// Link is where the remedy is to be had; may be empty.
	Link string
}

// finding gives the finding of a check.
func (v *Verdict) finding(check Key) (*Finding, bool) {
	for i := range v.Findings {
		if v.Findings[i].Check == check {
			return &v.Findings[i], true
		}
	}
	return nil, false
}

// remedy is one thing a person can do.
type remedy struct{ key, text string }

// The remedies. The texts are English; apps translate the keys.
var (
	remedyAskForPolicy = remedy{"ask_for_policy", "ask your administrator for access with this app"}
	remedyOpenApp      = remedy{"open_app", "open the app while the phone is online"}
	remedyGoOnline     = remedy{"go_online", "connect the phone to the network and open the app"}
	remedyUpdateApp    = remedy{"update_app", "update this app"}
	remedyUpdateAgent  = remedy{"update_agent", "update the work agent"}
	remedyUpdateOS     = remedy{"update_os", "update the phone's system"}
	remedyOSTooNew     = remedy{"os_too_new", "ask your administrator: this version of Android is not approved yet"}
	remedyUnroot       = remedy{"restore_system", "restore the phone's original system and lock its boot loader"}
	remedyIntegrity    = remedy{"integrity", "go online with Google Play services, and restore the original system if that does not help"}
	remedyAppScan      = remedy{"turn_on_app_scan", "turn on Google Play Protect"}
	remedyLock         = remedy{"set_device_lock", "set a stronger screen lock for the phone"}
	remedyOtherPhone   = remedy{"use_other_phone", "use a phone that your administrator has approved"}
	remedyThreat       = remedy{"remove_threat", "open the threat defence app and do what it says"}
	remedyResetPIN     = remedy{"reset_pin", "sign in and set a new PIN"}
	remedyAccount      = remedy{"ask_for_account", "ask your administrator to turn your account on"}
	remedyWait         = remedy{"wait_for_work", "wait for your working hours"}
)
