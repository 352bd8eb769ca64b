package appsdk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringfence/agent/appsdk"
	"ringfence/agent/appsdk/appsdktest"
	"ringfence/internal/apprules"
)

// A mail app with a work account, from the first launch until the company takes
// the account back. The server and the key store are those made for tests.
func Example() {
	stage := begin("data.clipboard=managed-apps", "access.pin_length=6", "access.simple_pin_blocked=true")
	defer stage.end()

	sdk, err := appsdk.Open(&appsdk.Options{
		Server: stage.server.Addr, Roots: stage.server.Roots(),
		Package: "com.example.mail", SignerSHA256: strings.Repeat("ab", 32), AppVersion: "4.2",
		Folder: filepath.Join(stage.dir, "work-account"), Account: "work",
		Keys: appsdktest.NewKeys(), Clock: clock{}, Phone: phone{},
	})
	check(err)
	defer func() { check(sdk.Close()) }()
	launch(sdk)

	// The person adds the work account, and sets its PIN.
	check(sdk.Register(browser{}))
	launch(sdk)
	for _, pin := range []string{"123456", "730519"} {
		problems, err := sdk.SetPIN(pin)
		check(err)
		fmt.Printf("PIN %s: %q\n", pin, problems)
	}
	launch(sdk)

	// Work data is kept encrypted, and asks before it goes anywhere.
	files, err := sdk.Files()
	check(err)
	check(files.WriteFile("offer", []byte("1000 pieces at 12")))
	for _, to := range []appsdk.Transfer{
		{Gate: appsdk.GateCopy, Text: "1000 pieces at 12", Package: "com.example.notes"},
		{Gate: appsdk.GateCopy, Text: "1000 pieces at 12", Package: "com.example.crm", Managed: true},
	} {
		answer := sdk.May(&to)
		fmt.Printf("copy to %s: %t %q\n", to.Package, answer.Allowed, answer.MessageKey)
	}

	// The company takes the account back. An app that has called Start hears the
	// bell; this one looks by itself.
	stage.server.Order(appsdktest.Apps("com.example.mail"))
	check(sdk.Sync())
	launch(sdk)

	// Output:
	// launch: block not_registered
	// launch: need-pin set-pin
	// PIN 123456: "pin_too_simple"
	// PIN 730519: ""
	// launch: proceed
	// copy to com.example.notes: false "copy_blocked"
	// copy to com.example.crm: true ""
	// launch: wiped wiped_by_order
}

// launch is what the app does when it comes to the front. A real one has a screen
// for each outcome, and a sentence for each key.
func launch(sdk *appsdk.SDK) {
	d := sdk.Decide(appsdk.EventLaunch)
	fmt.Println(strings.TrimSpace("launch: " + d.Outcome + " " + d.MessageKey))
}

// browser signs the person in: a real one opens the phone's browser at the
// issuer, with the nonce, and takes the ID token from the token endpoint.
type browser struct{}

func (browser) IDToken(r *appsdk.SignInRequest) (string, error) {
	return appsdktest.IDToken(appsdktest.Subject, r.Nonce, time.Now().Add(time.Hour)), nil
}

// clock is the phone's two: on Android System.currentTimeMillis, and boot count
// and SystemClock.elapsedRealtime.
type clock struct{}

var switchedOn = time.Now().Add(-time.Hour)

func (clock) Wall() int64   { return time.Now().UnixMicro() }
func (clock) Boot() string  { return "17" }
func (clock) Uptime() int64 { return time.Since(switchedOn).Microseconds() }

// phone says how the phone is. What is left out is not known.
type phone struct{}

func (phone) Look() (*appsdk.Facts, error) {
	return &appsdk.Facts{
		Level: appsdk.Unenrolled, OSVersion: "16", SecurityPatch: "2026-11-05", Manufacturer: "Google", Model: "Pixel 9",
		Lock: appsdk.LockHigh, Encrypted: true, RootChecked: true,
	}, nil
}

// stage is what a real app has no part in: a server with one policy, on this
// machine, and a folder.
type stage struct {
	testing.TB // the server was made for tests
	dir        string
	server     *appsdktest.Server
	last       []func()
}

func begin(settings ...string) *stage {
	dir, err := os.MkdirTemp("", "appsdk")
	check(err)
	s := &stage{dir: dir}
	s.server = appsdktest.Start(s, time.Now)
	said := map[apprules.Key][]string{}
	for _, each := range settings {
		key, text, _ := strings.Cut(each, "=")
		said[apprules.Key(key)] = []string{text}
	}
	parsed, err := apprules.ParseSettings(said)
	check(err)
	s.server.SetPolicy(apprules.Seal(apprules.Merge(parsed), apprules.Config{}, true))
	return s
}

func (s *stage) Helper()          {}
func (s *stage) TempDir() string  { return filepath.Join(s.dir, "server") }
func (s *stage) Cleanup(f func()) { s.last = append(s.last, f) }
func (s *stage) Fatal(v ...any)   { panic(fmt.Sprint(v...)) }

func (s *stage) end() {
	for _, f := range s.last {
		f()
	}
	check(os.RemoveAll(s.dir))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
