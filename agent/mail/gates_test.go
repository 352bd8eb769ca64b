package mail

import (
	"errors"
	"strings"
	"testing"

	"ringfence/agent/appsdk"
	"ringfence/agent/phone"
)

// said sums an answer up.
func said(t *testing.T, a Answer, err error) string {
	t.Helper()
	switch {
	case err != nil:
		return err.Error()
	case a.Redacted:
		return "redacted"
	case a.Allowed:
		return "allowed"
	}
	if Say(a.MessageKey) == a.MessageKey {
		t.Errorf("there is no sentence for %q", a.MessageKey)
	}
	return a.MessageKey
}

// TestGates: each gate, with a policy that minds and one that does not, and for
// the personal account, which nobody minds.
func TestGates(t *testing.T) {
	stranger := Peer{Package: "com.example.notes"}
	try := func(gate string) func(*bench, Account) (Answer, error) {
		return func(b *bench, account Account) (Answer, error) { return b.Gate(account, gate, stranger) }
	}
	mailOf := map[Account]string{WorkAccount: "offer", PersonalAccount: "birthday"}
	cases := map[string]struct {
		policy string
		try    func(*bench, Account) (Answer, error)
		want   string
	}{
		"share": {"data.send_to=managed-apps", func(b *bench, a Account) (Answer, error) { return b.Share(a, mailOf[a], stranger) }, "send_blocked"},
		"receive": {"data.receive_from=managed-apps", func(b *bench, a Account) (Answer, error) {
			return b.Receive(a, "photo", "a picture", stranger)
		}, "receive_blocked"},
		"save": {"data.send_to=managed-apps data.save_as_blocked=true", func(b *bench, a Account) (Answer, error) {
			return b.Save(a, mailOf[a], "local-storage")
		}, "save_as_blocked"},
		"open from": {"data.receive_from=managed-apps data.ingestion_blocked=true data.ingestion_locations=sharepoint",
			func(b *bench, a Account) (Answer, error) { return b.OpenFrom(a, "plan", "box", "a plan") }, "open_from_blocked"},
		"copy":   {"data.clipboard=managed-apps", func(b *bench, a Account) (Answer, error) { return b.Copy(a, mailOf[a], stranger) }, "copy_blocked"},
		"notify": {"data.notifications=block", func(b *bench, a Account) (Answer, error) { return b.Notify(a, true) }, "notification_blocked"},
		"redacted": {"data.notifications=block-organizational-data", func(b *bench, a Account) (Answer, error) {
			return b.Notify(a, true)
		}, "redacted"},
		"link":        {"data.managed_browser_required=true data.managed_browser=managed-browser", try("link"), "link_blocked"},
		"dial":        {"data.dialer=managed-apps", try("dial"), "dial_blocked"},
		"message":     {"data.messaging=blocked", try("message"), "message_blocked"},
		"keyboard":    {"data.keyboards_restricted=true data.approved_keyboards=com.example.keys", try("keyboard"), "keyboard_blocked"},
		"print":       {"data.print_blocked=true", try("print"), "print_blocked"},
		"screenshot":  {"data.screen_capture_blocked=true", try("screenshot"), "screen_blocked"},
		"backup":      {"data.backup_blocked=true", try("backup"), "backup_blocked"},
		"contacts":    {"data.contact_sync_blocked=true", try("contacts"), "contacts_blocked"},
		"store plain": {"data.encrypt=true", try("store-plain"), "encryption_required"},
	}
	b := newBench(t)
	b.ready()
	for name, c := range cases {
		b.policy("data.encrypt=false")
		b.sync()
		a, err := c.try(b, WorkAccount)
		if got := said(t, a, err); got != "allowed" {
			t.Errorf("%s without a policy: %s", name, got)
		}
		b.policy(strings.Fields(c.policy)...)
		b.sync()
		a, err = c.try(b, WorkAccount)
		if got := said(t, a, err); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		a, err = c.try(b, PersonalAccount)
		if got := said(t, a, err); got != "allowed" {
			t.Errorf("%s in the personal account: %s", name, got)
		}
	}
	if _, err := b.Gate(WorkAccount, "fly", stranger); err == nil {
		t.Error("a gate that is none")
	}
	if _, err := b.Save(WorkAccount, "offer", "cellar"); err == nil {
		t.Error("a place that is none")
	}
}

// TestClipboard goes over the clipboard from one account to the other.
func TestClipboard(t *testing.T) {
	b := newBench(t)
	b.ready("data.clipboard=managed-apps-with-paste-in")
	personal, managed := Peer{Package: DefaultPackage}, Peer{Package: "com.example.crm", Managed: true}
	if _, err := b.Paste(WorkAccount, "x"); !errors.Is(err, ErrClipboardEmpty) {
		t.Errorf("an empty clipboard: %v", err)
	}
	a, err := b.Copy(WorkAccount, "offer", personal)
	if got := said(t, a, err); got != "copy_blocked" {
		t.Errorf("work to personal: %s", got)
	}
	if c, err := b.phone.Clipboard(); err != nil || c != (phone.Clip{}) {
		t.Errorf("what was refused is on the clipboard: %v, %v", c, err)
	}
	a, err = b.Copy(WorkAccount, "offer", managed)
	if got := said(t, a, err); got != "allowed" {
		t.Errorf("work to a managed app: %s", got)
	}
	if found := b.grep("1000 pieces"); found != nil {
		t.Errorf("what is for managed apps lies open in %v", found)
	}
	if mails, err := b.List(WorkAccount); err != nil || len(mails) != 1 {
		t.Errorf("work mails: %v, %v", mails, err)
	}
	a, err = b.Paste(PersonalAccount, "leak")
	if got := said(t, a, err); got != "copy_blocked" {
		t.Errorf("then pasted into the personal account: %s", got)
	}
	if _, err := b.Read(PersonalAccount, "leak"); !errors.Is(err, ErrNoMail) {
		t.Errorf("what was refused is in the personal account: %v", err)
	}
	a, err = b.Paste(WorkAccount, "offer again")
	if got := said(t, a, err); got != "allowed" {
		t.Errorf("work to work: %s", got)
	}
	a, err = b.Copy(PersonalAccount, "birthday", personal)
	if got := said(t, a, err); got != "allowed" {
		t.Errorf("copied in the personal account: %s", got)
	}
	a, err = b.Paste(WorkAccount, "cake")
	if got := said(t, a, err); got != "allowed" {
		t.Errorf("personal to work, with paste in: %s", got)
	}
	b.policy("data.clipboard=managed-apps")
	b.sync()
	a, err = b.Paste(WorkAccount, "more cake")
	if got := said(t, a, err); got != "paste_blocked" {
		t.Errorf("personal to work: %s", got)
	}
	if err := b.phone.SetClipboard(phone.Clip{Text: "a deal", Package: managed.Package, Managed: true}); err != nil {
		t.Fatal(err)
	}
	a, err = b.Paste(WorkAccount, "deal")
	if got := said(t, a, err); got != "allowed" {
		t.Errorf("from a managed app: %s", got)
	}
	a, err = b.Paste(PersonalAccount, "deal")
	if got := said(t, a, err); got != "clipboard_for_managed_apps" {
		t.Errorf("from a managed app to the personal account: %s", got)
	}
	b.policy("data.clipboard=blocked", "data.clipboard_allowance=17")
	b.sync()
	a, err = b.Copy(WorkAccount, "offer", personal)
	if got := said(t, a, err); got != "allowed" {
		t.Errorf("within the allowance: %s", got)
	}
	if err := b.Write(WorkAccount, "offer", "1000 pieces at 120"); err != nil {
		t.Fatal(err)
	}
	a, err = b.Copy(WorkAccount, "offer", personal)
	if got := said(t, a, err); got != "copy_blocked" {
		t.Errorf("above the allowance: %s", got)
	}
}

// TestPlaces: what may be saved is where all apps see it, and may come back.
func TestPlaces(t *testing.T) {
	b := newBench(t)
	b.ready()
	for _, account := range []Account{WorkAccount, PersonalAccount} {
		name := map[Account]string{WorkAccount: "offer", PersonalAccount: "birthday"}[account]
		text, err := b.Read(account, name)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := b.Save(account, name, "photo-library"); said(t, a, err) != "allowed" {
			t.Errorf("%s: %v, %v", account, a, err)
		}
		if data, err := b.phone.LoadShared("photo-library", name); err != nil || string(data) != text {
			t.Errorf("%s: saved %q, %v", account, data, err)
		}
		if a, err := b.OpenFrom(account, name, "photo-library", ""); said(t, a, err) != "allowed" {
			t.Errorf("%s: %v, %v", account, a, err)
		}
	}
	if a, err := b.Save(WorkAccount, "offer", "sharepoint"); said(t, a, err) != "allowed" {
		t.Errorf("elsewhere: %v, %v", a, err)
	}
	if _, err := b.OpenFrom(WorkAccount, "none", "camera", ""); err == nil {
		t.Error("opened what is not there")
	}
}

// TestShutGates: without a work account, and after its end, no gate
// is open.
func TestShutGates(t *testing.T) {
	b := newBench(t)
	a, err := b.Gate(WorkAccount, "print", Peer{})
	if got := said(t, a, err); got != "not_registered" {
		t.Errorf("before there is an account: %s", got)
	}
	b.ready()
	if _, err := b.Copy(WorkAccount, "offer", Peer{Package: "com.example.crm", Managed: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Work.SDK().SignOut(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Paste(PersonalAccount, "leak"); !isShut(err, "not_registered") {
		t.Errorf("pasted what went with the account: %v", err)
	}
	a, err = b.Gate(WorkAccount, "print", Peer{})
	if got := said(t, a, err); got != "no_policy" {
		t.Errorf("after its end: %s", got)
	}
	b.expect(appsdk.EventLaunch, "block not_registered")
	b.ready()
	if _, err := b.Paste(PersonalAccount, "leak"); !errors.Is(err, ErrClipboardEmpty) {
		t.Errorf("pasted what went with the account before: %v", err)
	}
}
