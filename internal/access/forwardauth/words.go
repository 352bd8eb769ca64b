package forwardauth

import "ringfence/internal/access"

var (
	aboutAllowed = about{"You can come in", "Everything is as it must be.", "Go back to where you wanted to go, and open it again."}
	aboutOwed    = about{"Something is to be done first", "You can come in when it is done.", ""}
	aboutBlocked = about{"You cannot come in", "A rule of your organisation does not allow it, whatever you do here.",
		"Ask your administrator if you need it."}
	aboutLegacy = about{"You cannot come in with this program", "It is of an old kind that cannot prove what your organisation asks for.",
		"Use a browser, or a newer version of the app."}
	aboutExpired = about{"This link does not work any more", "It was good for an hour, and for one person.",
		"Go back to where you wanted to go and open it again: you will get a new link."}
)

// refusals are what people are told where nobody was even asked.
var refusals = map[Reason]about{
	ReasonUnavailable: {"It cannot be said whether you can come in", "Something at your organisation does not work at the moment.",
		"Try again in a few minutes."},
	ReasonSetup:             gatewayFault,
	ReasonRequest:           gatewayFault,
	ReasonCertificateHeader: gatewayFault,
	ReasonCertificate: {"The certificate of your phone does not count", "It is not one that your organisation gave to a phone that is managed now.",
		"If your phone was reset or left management, enrol it again. If your browser asked which certificate to use, close it, open it again and choose the one of your organisation."},
	ReasonAssertion: {"The proof that your app showed does not count", "It is too old, or it is another phone's.",
		"Close the app, open it again, and check that the clock of the phone is right."},
	ReasonUnbound: {"The proof that your app showed is not enough", "It counts only together with the certificate of your phone.",
		"Close the app and open it again. If it asks which certificate to use, choose the one of your organisation."},
	ReasonPerson: {"This phone is another person's", "You have signed in as somebody else than the one for whom this phone is managed.",
		"Sign out, and sign in as the person for whom the phone is managed; or use your own phone."},
}

var gatewayFault = about{"You cannot come in this way", "What was sent to the gateway cannot be believed, or the gateway is not set up as it must be.",
	"Tell your administrator."}

// word is the key of what is said of a control that is not met.
type word struct {
	control access.Control
	reason  access.Reason
}

var (
	enrolPhone = about{"Use a phone that is managed", "You did not come with a phone that your organisation manages.",
		"Enrol your phone. If it is enrolled, use the browser or the app on its work side, and choose the certificate of your organisation when you are asked."}
	reportPhone = about{"Let your phone report", "Your phone has not said for too long how it is.",
		"Bring the phone online and open the work agent. Check that its clock is right."}
	signInApp = about{"Sign in to the app with your work account", "This app has no work account of yours.",
		"Open the app, sign in with your work account, and let it set itself up."}
	reportApp = about{"Let the app report", "The app has not said for too long how it is.",
		"Bring the phone online, and open the app with your work account."}
)

// words are what is said where the control alone does not say it.
var words = map[word]about{
	{access.CompliantDevice, access.NoDevice}:  enrolPhone,
	{access.ManagedDevice, access.NoDevice}:    enrolPhone,
	{access.CompliantDevice, access.NoVerdict}: reportPhone,
	{access.CompliantDevice, access.Stale}:     reportPhone,
	{access.CompliantDevice, access.Lapsed}:    reportPhone,
	{access.CompliantDevice, access.NotFit}: {"Put your phone right", "Your phone does not meet what your organisation asks for.",
		"When it is done, open the work agent, so that it reports."},
	{access.AppProtection, access.NoRegistration}: signInApp,
	{access.ApprovedApp, access.NoRegistration}:   signInApp,
	{access.AppProtection, access.NoVerdict}:      reportApp,
	{access.AppProtection, access.Stale}:          reportApp,
	{access.AppProtection, access.Lapsed}:         reportApp,
	{access.ApprovedApp, access.NoVerdict}:        reportApp,
	{access.ApprovedApp, access.Stale}:            reportApp,
	{access.ApprovedApp, access.Lapsed}:           reportApp,
	{access.AppProtection, access.NotFit}: {"Put the app right", "The app does not meet what your organisation asks for.",
		"When it is done, open the app again."},
	{access.ApprovedApp, access.NotApproved}: {"Use another app", "Your organisation has not approved this app.",
		"Ask your administrator which apps are approved."},
}

// controlWords are what is said of a control for whatever other reason.
var controlWords = map[access.Control]about{
	access.MFA: {"Confirm that it is you", "You have signed in without a second proof.",
		"Sign out and in again, and confirm with your second factor."},
	access.CertificateBound: {"Come with the certificate of your phone", "Your connection does not use it.",
		"Close the browser or the app and open it again, and choose the certificate of your organisation when you are asked."},
	access.CompliantDevice: {"Use a phone that meets the rules", "It is not known that this one does.", "Open the work agent, so that it reports."},
	access.ManagedDevice:   enrolPhone,
	access.AppProtection:   {"Use an app that is protected", "It is not known that this one is.", "Open the app with your work account."},
	access.ApprovedApp:     {"Use an app that is approved", "It is not known that this one is.", "Open the app with your work account."},
}

// wordsOf gives what is said of a control that is not met.
func wordsOf(control access.Control, reason access.Reason) about {
	if said, ok := words[word{control, reason}]; ok {
		return said
	}
	return controlWords[control]
}
