// Package authzen lets applications and gateways ask for decisions by the OpenID
// AuthZEN Authorization API 1.0: one question, many at once, and searches for
// what is permitted.
//
// Who asks is authenticated by the handler around this one. Whoever may ask is
// believed: what a request says of the person, the phone and the circumstances
// is taken as what the asker saw.
//
// # What a request means
//
// The subject is a person, of type "user". No other type is known here, and what
// nobody knows is denied. These properties of the subject have a meaning:
//
//	device_id, registration_id  the phone, and the app on it that asks
//	groups, roles               lists of names; they count where the directory does not know the person
//	ip, ip_address              where the request comes from, if the context does not say
//
// A resource of type "app" is the app that its id names. One of type
// "user-action" is what the person does other than signing in. Of any other
// resource the type is the app: policies for the app "record" are for all
// records. In the context these keys have a meaning:
//
//	ip, ip_address              the address of the client
//	country                     two letters
//	platform, client, flow      by the names that policies have for them
//	sign_in_risk, user_risk
//	mfa                         whether a second factor was shown
//	certificate_bound           whether the session is bound to the certificate of the phone or the app that is named
//
// A value with a meaning that is not right is an error, and never ignored: it
// might have shut the door. Custom conditions see everything that is a text, a
// number or a truth, by access.Request. Lists, objects and nulls in properties
// are absent to them. Fields that the standard does not know are ignored.
//
// # What the answer means
//
// Only "allow" is a permit. What is allowed once something has been done is
// denied until then; the context of the answer says what is owed. The context
// also has why, for people who run things and for the person, and what the answer
// was given on. It tells nothing of policies that only report.
//
// # Searches
//
// Resources are searched among the apps that policies name, actions among the
// actions that custom conditions name. Each found is asked about as any request
// is. Subjects are not searched: whoever guards one app has no business to read
// out who works here. The metadata names what there is and nothing else.
package authzen
