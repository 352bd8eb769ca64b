package compliance

// PinScope says which lock a PIN rule is about. The numbers are stored: do not
// reorder.
type PinScope uint8

// The scopes.
const (
	// PinDevice is the lock of the whole device.
	PinDevice PinScope = 1
	// PinWorkProfile is the separate lock of the work profile.
	PinWorkProfile PinScope = 2
)

var pinScopeNames = [...]string{"unspecified", "device", "work_profile"}

func (s PinScope) String() string { return nameOf(pinScopeNames[:], int(s)) }

// PinQuality is the least kind of secret; a greater one is stronger. 0 asks,
// or says, nothing. The numbers are stored: do not reorder.
type PinQuality uint8

// The qualities, weakest first.
const (
	QualityBiometricWeak PinQuality = iota + 1
	QualitySomething
	QualityNumeric
	QualityNumericComplex
	QualityAlphabetic
	QualityAlphanumeric
	QualityComplex
)

var pinQualityNames = [...]string{
	"not reported", "weak biometric", "something", "numeric", "numeric complex",
	"alphabetic", "alphanumeric", "letters, digits and symbols",
}

func (q PinQuality) String() string { return nameOf(pinQualityNames[:], int(q)) }

// PinComplexity is Android's complexity band; a greater one is stronger. 0
// asks, or says, nothing. The numbers are stored: do not reorder.
type PinComplexity uint8

// The bands, weakest first.
const (
	ComplexityLow PinComplexity = iota + 1
	ComplexityMedium
	ComplexityHigh
)

var pinComplexityNames = [...]string{"not reported", "low", "medium", "high"}

func (c PinComplexity) String() string { return nameOf(pinComplexityNames[:], int(c)) }

// PinRule asks for a screen lock. A zero field but Scope asks nothing more.
type PinRule struct {
	Scope      PinScope
	Quality    PinQuality
	Complexity PinComplexity
	// MinimumLength is in characters.
	MinimumLength uint32
	// HistoryLength is how many earlier secrets may not be used again.
	HistoryLength uint32
	// ExpiresAfterDays is in days since the secret was last changed.
	ExpiresAfterDays uint32
	// FailuresBeforeRemoval is how many wrong secrets in a row remove the work
	// profile. It never removes more.
	FailuresBeforeRemoval uint32
	// InactivityLockSeconds is in seconds without use.
	InactivityLockSeconds uint32
}

// nameOf is the name of number i, or the first one for a number without name.
func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return names[0]
}
