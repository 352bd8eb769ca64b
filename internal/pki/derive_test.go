package pki

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// older takes out of a folder what releases before apps did not make.
func older(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"authority/app.pem", "leases.pem"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, sub := range []string{".", "authority"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, sub, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Join(sub, e.Name())] = string(data)
		}
	}
	return files
}

// TestOlderFolder: many servers open one folder of an older release at once. It
// gets what it lacks, once, and nothing else in it changes.
func TestOlderFolder(t *testing.T) {
	dir := newAuthority(t).dir
	whole := filesIn(t, dir)
	older(t, dir)
	opened := make([]*Authority, 8)
	var wg sync.WaitGroup
	for i := range opened {
		wg.Go(func() {
			a, err := OpenAuthority(dir, at(noon.Add(400*day)))
			if err != nil {
				t.Error(err)
				return
			}
			opened[i] = a
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, a := range opened[1:] {
		if !a.Issuer(App).Equal(opened[0].Issuer(App)) || !a.leases.current.certificate.Equal(opened[0].leases.current.certificate) {
			t.Error("two starts at once added two")
		}
	}
	now := filesIn(t, dir)
	// The certificates that sign live two years and are replaced after one: those
	// are not of interest here, and random.
	for _, signing := range []string{"leases.pem", "orders.pem"} {
		if now[signing] == "" {
			t.Errorf("there is no %s", signing)
		}
		delete(whole, signing)
		delete(now, signing)
	}
	if diff := cmp.Diff(whole, now); diff != "" {
		t.Error("the folder is not what it would be if it had been made now")
	}
	info, err := os.Stat(filepath.Join(dir, "authority", "app.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("app.pem: %v, %v", info, err)
	}
}

// TestCopiesAgree: servers with copies of one older folder each add the same
// authority, so that what one of them issues is good on the other.
func TestCopiesAgree(t *testing.T) {
	first := newAuthority(t)
	older(t, first.dir)
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.MkdirAll(filepath.Join(dir, "authority"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range filesIn(t, first.dir) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, err := OpenAuthority(first.dir, at(noon.Add(day/2)))
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenAuthority(dir, at(noon.Add(day/4)))
	if err != nil {
		t.Fatal(err)
	}
	if !first.Issuer(App).Equal(second.Issuer(App)) {
		t.Fatal("copies of one folder have two authorities for apps")
	}
	chain, _, _ := issue(t, first, App)
	if got, err := second.VerifyClient(chain, noon, Device, App); err != nil || got.Purpose != App {
		t.Errorf("the copy takes the certificate as %q: %v", got.Purpose, err)
	}
	lease, err := first.SignLease(content)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := VerifyLease(lease, rootsOf(second), noon); err != nil || !bytes.Equal(got, content) {
		t.Errorf("a lease of the one under the other's root: %q, %v", got, err)
	}
}

// TestDerivedIssuer: it is like its neighbours, and another root has another.
func TestDerivedIssuer(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	app, phone := a.Issuer(App), a.Issuer(Device)
	if !app.NotBefore.Equal(phone.NotBefore) || !app.NotAfter.Equal(phone.NotAfter) {
		t.Errorf("lives from %v to %v, the devices' from %v to %v", app.NotBefore, app.NotAfter, phone.NotBefore, phone.NotAfter)
	}
	if len(FormatSerial(app.SerialNumber)) != 32 || !strings.HasPrefix(app.Subject.CommonName, "Ringfence app CA ") {
		t.Errorf("serial number %s, subject %s", FormatSerial(app.SerialNumber), app.Subject)
	}
	for p, h := range a.issuers {
		if p != App && h.key.Equal(a.issuers[App].key) || h.key.Equal(a.root.key) {
			t.Errorf("%s and another share a key", p)
		}
	}
	if a.issuers[App].key.Equal(other.issuers[App].key) || app.SerialNumber.Cmp(other.Issuer(App).SerialNumber) == 0 {
		t.Error("two roots lead to one authority")
	}
}

// TestLostIsNotMadeAgain: only what an older release lacks is added.
func TestLostIsNotMadeAgain(t *testing.T) {
	for _, p := range issuingPurposes {
		if p == App {
			continue
		}
		dir := newAuthority(t).dir
		path := filepath.Join(dir, "authority", string(p)+".pem")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenAuthority(dir, at(noon)); err == nil {
			t.Errorf("opened without the authority for %s", p)
		}
		if there, err := exists(path); there || err != nil {
			t.Errorf("a new authority for %s was made in place of the lost one", p)
		}
	}
	dir := newAuthority(t).dir
	older(t, dir)
	if err := os.Remove(filepath.Join(dir, "authority", "root.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAuthority(dir, at(noon)); err == nil {
		t.Error("opened without the root")
	}
	if there, err := exists(filepath.Join(dir, "authority", "app.pem")); there || err != nil {
		t.Error("an authority for apps was made without the root")
	}
}
