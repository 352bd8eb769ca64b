package authzen

import (
	"time"

	"ringfence/internal/access"
)

// answer is one decision, in the standard's words.
type answer struct {
	Decision bool     `json:"decision"`
	Context  *reasons `json:"context,omitempty"`
}

// reasons say why. Its keys are ours, but for reason_admin, reason_user and
// error, which are those of the standard's examples.
type reasons struct {
	Outcome     string            `json:"outcome,omitempty"`
	ReasonAdmin map[string]string `json:"reason_admin,omitempty"`
	ReasonUser  map[string]string `json:"reason_user,omitempty"`
	// Owed has the choices that are owed, each as the controls of which any one
	// will do.
	Owed     [][]string `json:"owed,omitempty"`
	Policies []policy   `json:"policies,omitempty"`
	// Missing are the conditions that some policy asks about and the request
	// says nothing of.
	Missing     []string  `json:"missing,omitempty"`
	Remedies    []remedy  `json:"remedies,omitempty"`
	Session     *session  `json:"session,omitempty"`
	Versions    *versions `json:"versions,omitempty"`
	CachedUntil string    `json:"cached_until,omitempty"`
	Error       *problem  `json:"error,omitempty"`
}

// policy is one that keeps the door shut.
type policy struct {
	Name     string    `json:"name"`
	Revision uint64    `json:"revision"`
	Result   string    `json:"result"`
	Controls []control `json:"controls,omitempty"`
}

// control is one that is not met. Ages are in seconds.
type control struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Age    int64  `json:"age,omitempty"`
	MaxAge int64  `json:"max_age,omitempty"`
}

// remedy is what the person can do about one rule that does not hold.
type remedy struct {
	Rule     string `json:"rule"`
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
	Link     string `json:"link,omitempty"`
}

// session is what whoever lets the person in must see to. Frequency is in
// seconds.
type session struct {
	EverySignIn     bool     `json:"every_sign_in,omitempty"`
	SignInFrequency int64    `json:"sign_in_frequency,omitempty"`
	Labels          []string `json:"labels,omitempty"`
}

// versions are texts: they need more digits than a double has.
type versions struct {
	Policies          uint64 `json:"policies,string"`
	Person            uint64 `json:"person,string,omitempty"`
	DeviceID          string `json:"device_id,omitempty"`
	DeviceEpoch       uint64 `json:"device_epoch,string,omitempty"`
	Device            uint64 `json:"device,string,omitempty"`
	Compliance        uint64 `json:"compliance,string,omitempty"`
	RegistrationID    string `json:"registration_id,omitempty"`
	RegistrationEpoch uint64 `json:"registration_epoch,string,omitempty"`
	Registration      uint64 `json:"registration,string,omitempty"`
	Protection        uint64 `json:"protection,string,omitempty"`
}

// problem is an error in one question of many, with the HTTP status that it
// would have had alone.
type problem struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// newAnswer says what was decided. Only what is shut is explained.
func newAnswer(a *access.Answer) answer {
	c := &reasons{
		Outcome: a.Decision.Outcome.String(), Versions: newVersions(a.Versions),
		CachedUntil: a.Decision.CachedUntil.UTC().Format(time.RFC3339Nano),
	}
	if a.Decision.Outcome == access.Allow {
		c.Session = newSession(a.Decision.Session())
		return answer{true, c}
	}
	e := a.Explain()
	c.Owed = choices(e.Owed)
	c.explain(&e)
	return answer{false, c}
}

// refusal is the answer to a question that cannot be asked.
func refusal(status int, message string) answer {
	return answer{false, &reasons{Error: &problem{status, message}}}
}

func newVersions(v access.Versions) *versions {
	return &versions{
		Policies: v.Policies, Person: v.Person,
		DeviceID: string(v.DeviceID), DeviceEpoch: uint64(v.DeviceEpoch), Device: v.Device, Compliance: v.Compliance,
		RegistrationID: string(v.RegistrationID), RegistrationEpoch: uint64(v.RegistrationEpoch),
		Registration: v.Registration, Protection: v.Protection,
	}
}

func newSession(s access.Session) *session {
	if !s.EverySignIn && s.SignInFrequency == 0 && len(s.Labels) == 0 {
		return nil
	}
	return &session{s.EverySignIn, int64(s.SignInFrequency / time.Second), s.Labels}
}

func choices(owed []access.ControlSet) [][]string {
	all := make([][]string, 0, len(owed))
	for _, choice := range owed {
		var names []string
		for c := range choice.All() {
			names = append(names, c.String())
		}
		all = append(all, names)
	}
	return all
}
