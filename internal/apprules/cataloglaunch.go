package apprules

import (
	"strings"
	"time"
)

// The checks of launch.
var (
	// Offline is how long the app may be out of contact.
	Offline = offlineThresholds()

	// AppVersion is the least version of the app.
	AppVersion = thresholds("launch.app_version", "the app is older", versionOrigins("minimum", "AppVersion"), floor(), "", nil)

	// OSVersion is the least version of Android.
	OSVersion = thresholds("launch.os_version", "Android is older", versionOrigins("minimum", "OsVersion"), floor(), "", nil)

	// OSCeiling is the greatest version of Android.
	OSCeiling = thresholds("launch.os_version_max", "Android is newer; 14 lets 14.2 be", versionOrigins("maximum", "OsVersion"), ceiling(), "", nil)

	// PatchLevel is the least security patch level.
	PatchLevel = thresholds("launch.patch_level", "Android's security patches are older", versionOrigins("minimum", "PatchVersion"), patchFloor(), "", nil)

	// SDKVersion is the least version of the SDK in the app.
	SDKVersion = thresholds("launch.sdk_version", "the protection built into the app is older", versionOrigins("minimum", "SdkVersion"), floor(), "", nil)

	// AgentVersion is the least version of the agent beside the app.
	AgentVersion = thresholds("launch.agent_version", "the work agent is older", versionOrigins("minimum", "CompanyPortalVersion"), floor(), "", nil)

	// AgentAge is for how long an update of the agent may wait.
	AgentAge = thresholds("launch.agent_age", "an update of the work agent has been waiting for more days", origins{
		[]string{"warnAfterCompanyPortalUpdateDeferralInDays"},
		[]string{"blockAfterCompanyPortalUpdateDeferralInDays"},
		[]string{"wipeAfterCompanyPortalUpdateDeferralInDays"},
	}, number(0, 365, "days", smallest[uint32]()), "", nil)

	// Rooted is what follows when the phone's own guards are off.
	Rooted = declareDefault(Row{
		Key: "launch.rooted", Origin: []string{"deviceComplianceRequired", "appActionIfDeviceComplianceRequired"},
		Meaning: "what follows if the phone is rooted, or its boot loader or system is not its maker's",
	}, actions(ActionBlock, ActionWipe), ActionNone)

	// IntegrityVerdict is how far the phone's maker must vouch for it.
	IntegrityVerdict = thresholds("launch.integrity", "Play Integrity says less of the phone", origins{
		warn:  []string{"requiredAndroidSafetyNetDeviceAttestationType", "appActionIfAndroidSafetyNetDeviceAttestationFailed"},
		block: []string{}, wipe: []string{},
	}, strictest[Integrity](integrityDemands...), "", nil)

	// IntegrityEvaluation is how that must have been found out.
	IntegrityEvaluation = thresholds("launch.integrity_evaluation", "Play Integrity's word is founded on less", origins{
		warn: []string{"requiredAndroidSafetyNetEvaluationType"}, block: []string{}, wipe: []string{},
	}, strictest[Evaluation](evaluationDemands...), "", nil)

	// AppScan is what follows when Play Protect does not scan apps.
	AppScan = declareDefault(Row{
		Key:     "launch.app_scan",
		Origin:  []string{"requiredAndroidSafetyNetAppsVerificationType", "appActionIfAndroidSafetyNetAppsVerificationFailed"},
		Meaning: "what follows if Google Play Protect does not scan the phone's apps",
	}, actions(ActionWarn, ActionBlock), ActionNone)

	// DeviceLock is the least screen lock of the phone.
	DeviceLock = thresholds("launch.device_lock", "the phone's screen lock is weaker; before Android 12 every lock is good for low, medium and high", origins{
		warn: []string{
			"deviceLockRequired", "appActionIfDeviceLockNotSet", "appActionIfDevicePasscodeComplexityLessThanLow",
			"appActionIfDevicePasscodeComplexityLessThanMedium", "appActionIfDevicePasscodeComplexityLessThanHigh",
		},
		block: []string{}, wipe: []string{},
	}, strictest[Lock](lockDemands...), "", nil)

	// Manufacturers are the makers whose phones will do.
	Manufacturers = thresholds("launch.manufacturers", "the phone's maker is not listed; large and small letters are the same", origins{
		block: []string{"allowedAndroidDeviceManufacturers", "appActionIfAndroidDeviceManufacturerNotAllowed"}, wipe: []string{},
	}, texts(strings.ToLower), "", nil)

	// Models are the phones that will do.
	Models = thresholds("launch.models", "the phone's model is not listed", origins{
		block: []string{"allowedAndroidDeviceModels", "appActionIfAndroidDeviceModelNotAllowed"}, wipe: []string{},
	}, texts(strings.Clone), "", nil)

	// Knox is what follows when a Samsung phone does not vouch for itself, or
	// the phone is no Samsung.
	Knox = declareDefault(Row{
		Key: "launch.knox", Origin: []string{"appActionIfSamsungKnoxAttestationRequired"},
		Meaning: "what follows without Samsung's attestation, also where the phone has none",
	}, actions(ActionWarn, ActionBlock, ActionWipe), ActionNone)

	// KnoxWhereSupported is Knox that lets phones be which have none.
	KnoxWhereSupported = declareDefault(Row{
		Key: "launch.knox_where_supported", Origin: []string{"appActionIfSamsungKnoxAttestationRequired"},
		Meaning: "what follows without Samsung's attestation where the phone has it",
	}, actions(ActionWarn, ActionBlock, ActionWipe), ActionNone)

	// ThreatLevel is the greatest threat that is borne.
	ThreatLevel = thresholds("launch.threat_level", "threat defence says worse of the phone", origins{
		block: []string{"maximumAllowedDeviceThreatLevel", "mobileThreatDefenseRemediationAction"}, wipe: []string{},
	}, mildest[Threat](threatDemands...), "", nil)

	// ThreatFrom is whose word counts where there are two. Where policies
	// choose differently the worst word chosen can block, and the best one
	// chosen decides about a wipe.
	ThreatFrom = declareDefault(Row{
		Key: "launch.threat_from", Origin: []string{"mobileThreatDefensePartnerPriority"},
		Meaning: "whose word counts where two threat defence apps speak",
	}, demands(vocabulary[ThreatChoice]{names: threatChoiceNames}), ThreatWorst).
		inside("launch.threat_level.*", ThreatLevel.asked)

	// AccountDisabled is what follows when the person's account is shut.
	AccountDisabled = declareDefault(Row{
		Key: "launch.account_disabled", Origin: []string{"appActionIfUnableToAuthenticateUser"},
		Meaning: "what follows if the person's account is disabled or deleted",
	}, actions(ActionBlock, ActionWipe), ActionNone)

	// ClockedOut is what follows when the person has clocked out.
	ClockedOut = declareDefault(Row{
		Key: "launch.clocked_out", Origin: []string{"appActionIfAccountIsClockedOut"},
		Meaning: "what follows while the person has clocked out, as the server is told",
	}, actions(ActionWarn, ActionBlock), ActionNone)

	// WorkingHours are when the account may be used.
	WorkingHours = thresholds("launch.working_hours", "it is not working time", origins{warn: []string{}, block: []string{}},
		schedules(), "", nil)

	// OffHoursGrace is how long the account stays open after work.
	OffHoursGrace = declareDefault(Row{
		Key: "launch.off_hours_grace", Origin: []string{"gracePeriodToBlockAppsDuringOffClockHours"},
		Meaning: "how long after work the account is only warned about, not blocked",
	}, span(0, 7*day, smallest[time.Duration]()), 0).
		inside("launch.clocked_out=block, launch.working_hours.block", func(s Settings) bool {
			_, hours := WorkingHours.Block.In(s)
			return hours || ClockedOut.Of(s) == ActionBlock
		})
)
