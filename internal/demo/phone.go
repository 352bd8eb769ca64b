package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ringfence/internal/ctlconfig"
)

// sum is a digest over every file of a folder: names, modes and bytes.
type sum struct {
	files int
	hash  [sha256.Size]byte
}

func (d sum) short() string { return hex.EncodeToString(d.hash[:6]) }

// digest reads every file under dir, in name order. It is written here, apart
// from the agent's own, so that the agent is not its own witness.
func digest(dir string) (sum, error) { return digestBut(dir, "") }

// digestBut leaves folders of that name out.
func digestBut(dir, but string) (sum, error) {
	var d sum
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %v\n", name, info.Mode())
		if entry.IsDir() {
			if but != "" && entry.Name() == but {
				return filepath.SkipDir
			}
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		d.files++
		fmt.Fprintf(h, "%d\n", len(data))
		h.Write(data)
		return nil
	})
	h.Sum(d.hash[:0])
	return d, err
}

func (s *story) fillPersonalSide() error {
	return s.fill("phone/data/user/0", map[string]string{
		"com.example.gallery/files/beach.jpg":          strings.Repeat("sand and sea ", 5000),
		"com.example.gallery/files/family.jpg":         strings.Repeat("all of us ", 7000),
		"com.example.messenger/databases/chats.db":     strings.Repeat("see you at eight ", 900),
		"com.example.mail/accounts/private/inbox.mbox": "From: grandma@example.net\n\nCome for dinner on Sunday.\n",
		"com.example.bank/shared_prefs/session.xml":    "<map><string name=\"user\">maria</string></map>\n",
	})
}

func (s *story) fillWorkSide() error {
	return s.fill("phone/data/user/10", map[string]string{
		"com.example.mail/files/inbox.mbox":  strings.Repeat("Subject: quarterly figures\n", 2000),
		"com.example.crm/databases/deals.db": strings.Repeat("ACME 1,000,000\n", 3000),
	})
}

func (s *story) fill(under string, files map[string]string) error {
	for name, content := range files {
		path := s.path(filepath.FromSlash(under), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// caPin is the pin of the server's root, as an enrolment QR code carries it.
func (s *story) caPin() (string, error) {
	config, err := ctlconfig.Load(s.credential)
	if err != nil {
		return "", err
	}
	current, err := config.Current()
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode([]byte(current.CA))
	if block == nil {
		return "", errors.New("the credential holds no CA certificate")
	}
	root := sha256.Sum256(block.Bytes)
	return "sha256:" + hex.EncodeToString(root[:]), nil
}

// checkDisk looks at the phone's disk after the wipe.
func (s *story) checkDisk() error {
	if _, err := os.Stat(s.path("phone", "data", "user", "10")); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errStillThere, err)
	}
	s.say("the work profile is gone from the phone")
	for _, dir := range []string{"keystore", "certs", "cacerts", "vpn"} {
		left, err := os.ReadDir(s.path("phone", "misc", dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("misc/%s still holds %s", dir, left[0].Name())
		}
	}
	s.say("its keys, certificates and VPN profiles are gone with it")
	after, err := digest(s.path("phone", "data", "user", "0"))
	if err != nil {
		return err
	}
	if after != s.personal {
		return fmt.Errorf("the personal side changed: %d files %s before, %d files %s after",
			s.personal.files, s.personal.short(), after.files, after.short())
	}
	s.say("the personal side holds %d files, digest %s: byte for byte as before", after.files, after.short())
	return nil
}

var errStillThere = errors.New("the work profile is still on the phone")
