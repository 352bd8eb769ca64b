//go:build unix

package mail

import (
	"path/filepath"
	"syscall"
	"testing"

	"ringfence/agent/appsdk"
	"ringfence/agent/appsdk/appsdktest"
)

// TestPersonalIsNeverOpened puts something into the personal account that nobody
// can open without waiting for ever.
func TestPersonalIsNeverOpened(t *testing.T) {
	b := newBench(t)
	if err := syscall.Mkfifo(filepath.Join(b.dir, "data/user/0", DefaultPackage, "personal", "trap"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.ready("data.clipboard=blocked")
	b.sync()
	if _, err := b.Copy(WorkAccount, "offer", Peer{Package: DefaultPackage}); err != nil {
		t.Error(err)
	}
	b.server.Order(appsdktest.Apps(DefaultPackage))
	b.sync()
	b.expect(appsdk.EventLaunch, "wiped wiped_by_order")
	b.reopen()
	if mails, err := b.List(PersonalAccount); err != nil || len(mails) != 1 {
		t.Errorf("personal mails: %v, %v", mails, err)
	}
}
