package apprules

import "time"

// What a person must do to come in.
var (
	// PINRequired asks for a PIN of the app.
	PINRequired = declareDefault(Row{
		Key: "access.pin_required", Origin: []string{"pinRequired"},
		Meaning: "the work account opens with a PIN of its own",
	}, ifAny(), true)

	// PINMadeOf is what the PIN is made of.
	PINMadeOf = declareDefault(Row{
		Key: "access.pin_kind", Origin: []string{"pinCharacterSet"},
		Meaning: "numeric: digits; passcode: at least one letter or symbol, and all three sorts where simple ones are blocked",
	}, strictest[PINKind](pinKindNames...), PINNumeric)

	// SimplePINBlocked refuses PINs such as 1234 and 1112.
	SimplePINBlocked = declareDefault(Row{
		Key: "access.simple_pin_blocked", Origin: []string{"simplePinBlocked"},
		Meaning: "no three characters in a row that are the same, or count up or down",
	}, ifAny(), false)

	// PINLength is how long the PIN is at least.
	PINLength = declareDefault(Row{
		Key: "access.pin_length", Origin: []string{"minimumPinLength"},
		Meaning: "how long the PIN is at least",
	}, number(4, 16, "characters", greatest[uint32]()), 4)

	// PINExpiresAfter is how long a PIN serves.
	PINExpiresAfter = declareDefault(Row{
		Key: "access.pin_expires_after", Origin: []string{"periodBeforePinReset"},
		Meaning: "how long a PIN serves until a new one is asked for",
	}, spanOrNever(day), 0)

	// PINHistory is how many former PINs may not come back.
	PINHistory = declareDefault(Row{
		Key: "access.pin_history", Origin: []string{"previousPinBlockCount"},
		Meaning: "how many of the last PINs may not be used again",
	}, number(0, 24, "PINs", greatest[uint32]()), 0)

	// PINRetries is how many wrong PINs are borne. See [pinRetries].
	PINRetries = pinRetryThresholds()

	// FingerprintBlocked shuts out fingerprints.
	FingerprintBlocked = declareDefault(Row{
		Key: "access.fingerprint_blocked", Origin: []string{"fingerprintBlocked"},
		Meaning: "no fingerprint instead of the PIN",
	}, ifAny(), false)

	// BiometricsBlocked shuts out every biometric but fingerprints.
	BiometricsBlocked = declareDefault(Row{
		Key: "access.biometrics_blocked", Origin: []string{"biometricAuthenticationBlocked"},
		Meaning: "no face or iris instead of the PIN",
	}, ifAny(), false)

	// BiometricsEnabled lets in, or shuts out, every biometric.
	BiometricsEnabled = declare(Row{
		Key: "access.biometrics_enabled", Origin: []string{"fingerprintAndBiometricEnabled"},
		Meaning: "false: no biometric instead of the PIN, whichever",
	}, ifAll())

	// BiometricTimeout is after how long the PIN is asked for all the same.
	BiometricTimeout = declareDefault(Row{
		Key: "access.biometric_timeout", Origin: []string{"pinRequiredInsteadOfBiometricTimeout"},
		Meaning: "how long after the last PIN a biometric does instead; more than access.recheck_after",
	}, span(time.Minute, longest, smallest[time.Duration]()), 30*time.Minute)

	// Class3Biometrics wants strong biometrics.
	Class3Biometrics = declareDefault(Row{
		Key: "access.class3_biometrics", Origin: []string{"requireClass3Biometrics"},
		Meaning: "only biometrics of Android's class 3",
	}, ifAny(), false)

	// PINAfterBiometricChange distrusts a new finger.
	PINAfterBiometricChange = declareDefault(Row{
		Key: "access.pin_after_biometric_change", Origin: []string{"requirePinAfterBiometricChange"},
		Meaning: "the PIN once the phone's biometrics have changed",
	}, ifAny(), false)

	// PINUnlessDeviceLock leaves the lock to an enrolled phone.
	PINUnlessDeviceLock = declareDefault(Row{
		Key: "access.pin_unless_device_lock", Origin: []string{"disableAppPinIfDevicePinIsSet"},
		Meaning: "no PIN of the app where the phone is enrolled and has a lock",
	}, ifAll(), false).inside("access.pin_required", PINRequired.Of)

	// SignInRequired asks for the work account's credentials.
	SignInRequired = declareDefault(Row{
		Key: "access.sign_in_required", Origin: []string{"organizationalCredentialsRequired"},
		Meaning: "the work account signs in at launch, beside the PIN",
	}, ifAny(), false)

	// RecheckAfter is after how long all of this is asked for again.
	RecheckAfter = declareDefault(Row{
		Key: "access.recheck_after", Origin: []string{"periodOnlineBeforeAccessCheck"},
		Meaning: "how long the app may rest until all of this is asked for again",
	}, span(time.Minute, longest, smallest[time.Duration]()), 30*time.Minute)
)
