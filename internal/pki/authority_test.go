package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func newAuthority(t testing.TB) *Authority {
	t.Helper()
	a, err := OpenAuthority(filepath.Join(t.TempDir(), "pki"), at(noon))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue gives a certificate of a purpose for a day around noon.
func issue(t testing.TB, a *Authority, p Purpose) ([][]byte, *x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t, elliptic.P256())
	chain, leaf, err := a.Issue(p, Template{
		PublicKey: key.Public(),
		Subject:   pkix.Name{CommonName: string(p)},
		DNSNames:  []string{"localhost"},
		NotBefore: noon.Add(-time.Hour),
		NotAfter:  noon.Add(day),
	})
	if err != nil {
		t.Fatal(err)
	}
	return chain, leaf, key
}

func TestConcurrentFirstStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	var wg sync.WaitGroup
	opened := make([]*Authority, 8)
	for i := range opened {
		wg.Go(func() {
			a, err := OpenAuthority(dir, at(noon))
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
		if !bytes.Equal(a.Roots()[0], opened[0].Roots()[0]) {
			t.Error("two starts at once made two roots")
		}
		if !a.orders.current.certificate.Equal(opened[0].orders.current.certificate) {
			t.Error("two starts at once made two orders certificates")
		}
		if !a.leases.current.certificate.Equal(opened[0].leases.current.certificate) {
			t.Error("two starts at once made two leases certificates")
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestReopen(t *testing.T) {
	a := newAuthority(t)
	again, err := OpenAuthority(a.dir, at(noon.Add(300*day)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Roots(), again.Roots()); diff != "" {
		t.Error("the root changed")
	}
	for _, p := range issuingPurposes {
		if !a.Issuer(p).Equal(again.Issuer(p)) {
			t.Errorf("the issuing authority for %s changed", p)
		}
	}
	if a.Issuer(Orders) != nil || a.Issuer(Leases) != nil {
		t.Error("there is an issuing authority for orders or leases")
	}
}

func TestReadOnlyFolder(t *testing.T) {
	a := newAuthority(t)
	if err := os.Remove(filepath.Join(a.dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAuthority(a.dir, at(noon)); err != nil {
		t.Fatal(err)
	}
	if there, err := exists(filepath.Join(a.dir, "lock")); there || err != nil {
		t.Error("opening a whole authority wrote to its folder")
	}
}

func TestHalfMadeIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	half := filepath.Join(dir, ".authority-123")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "root.pem"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAuthority(dir, at(noon)); err != nil {
		t.Fatal(err)
	}
	if there, err := exists(half); there || err != nil {
		t.Error("what a crash left is still there")
	}
}

func TestPermissions(t *testing.T) {
	a := newAuthority(t)
	err := filepath.WalkDir(a.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	copyFile := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, from))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, to), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	chmod := func(path string, mode fs.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(path, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		now   time.Time
		want  string
	}{
		{"key readable by the group", chmod("authority/device.pem", 0o640), noon, "mode 0640"},
		{"key readable by all", chmod("orders.pem", 0o604), noon, "mode 0604"},
		{"folder others can write", chmod(".", 0o777), noon, "mode 0777"},
		{"profile authority in place of admin's", copyFile("authority/profile.pem", "authority/admin.pem"), noon, "not the issuing authority for admin"},
		{"device authority in place of the apps'", copyFile("authority/device.pem", "authority/app.pem"), noon, "not the issuing authority for app"},
		{"apps' authority in place of the devices'", copyFile("authority/app.pem", "authority/device.pem"), noon, "not the issuing authority for device"},
		{"issuing authority in place of the root", copyFile("authority/admin.pem", "authority/root.pem"), noon, "not a root"},
		{"broken file", write("authority/server.pem", "nonsense"), noon, "no certificate"},
		{"another's orders", copyFile("authority/admin.pem", "orders.pem"), noon, "orders certificate"},
		{"orders in place of leases", copyFile("orders.pem", "leases.pem"), noon, "leases.pem is not the leases certificate"},
		{"leases in place of orders", copyFile("leases.pem", "orders.pem"), noon, "orders.pem is not the orders certificate"},
		{"authority expired", func(*testing.T, string) {}, noon.Add(issuingLife + day), "expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthority(t)
			tt.spoil(t, a.dir)
			_, err := OpenAuthority(a.dir, at(tt.now))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestErrorsDoNotQuoteKeys(t *testing.T) {
	a := newAuthority(t)
	path := filepath.Join(a.dir, "authority", "device.pem")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(a.dir, "authority", "admin.pem"))
	if err != nil {
		t.Fatal(err)
	}
	certificate, _, _ := bytes.Cut(data, []byte("-----BEGIN PRIVATE"))
	_, key, _ := bytes.Cut(other, []byte("-----BEGIN PRIVATE"))
	mixed := append(append(bytes.Clone(certificate), "-----BEGIN PRIVATE"...), key...)
	if err := os.WriteFile(path, mixed, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = OpenAuthority(a.dir, at(noon))
	if err == nil || !strings.Contains(err.Error(), "does not belong") || strings.Contains(err.Error(), "BEGIN") {
		t.Errorf("got %v", err)
	}
}
