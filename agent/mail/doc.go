// Package mail is a virtual mail app on a virtual phone, with one personal and
// one work account. It embeds agent/appsdk as any app would, and shows what that
// takes: about what is in work.go and gates.go.
//
//	data/user/0/<package>/personal/           the personal account: plain files, no policy
//	data/user/0/<package>/work-account/       the work account:
//	                       server.json          where it signs in
//	                       container/           the SDK's own folder
//	misc/keystore/apps/<package>/             the SDK's keys
//
// The two accounts know nothing of each other. [Personal] has the folder of the
// personal account and nothing else; [Work] has the path of the work account and
// no means to name the other. What goes from one to the other goes over the
// clipboard or the share sheet, through a gate, as it would to another app.
//
// The app does nothing by itself: somebody calls its methods, in place of the
// fingers on a screen.
package mail
