package phone

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
)

// What all apps of the phone share.
const (
	clipboardDir  = "misc/clipboard"
	clipboardFile = "clip.json"
	tagDir        = "misc/appsdk"
	tagFile       = "tag.json"
	mediaDir      = "data/media/0"
)

// mediaDirs are the places of the shared storage, by the names that policies
// have for them.
var mediaDirs = map[string]string{"local-storage": "Download", "photo-library": "Pictures", "camera": "DCIM"}

var mediaPattern = regexp.MustCompile(`^[\p{L}\p{N}_-][\p{L}\p{N} ._-]{0,63}$`)

// Clip is what is on the clipboard.
type Clip struct {
	Text string `json:"text"`
	// Package and Account say where it was copied.
	Package string `json:"package"`
	Account string `json:"account,omitempty"`
	// Managed: it is only for apps that are managed for the same work account.
	Managed bool `json:"managed,omitempty"`
}

// SetClipboard puts something on the clipboard.
func (p *Phone) SetClipboard(c Clip) error {
	if err := makePlain(p.root, clipboardDir); err != nil {
		return err
	}
	return p.writeJSON(clipboardDir, clipboardFile, c)
}

// Clipboard gives what is on the clipboard; the zero Clip for nothing.
func (p *Phone) Clipboard() (Clip, error) {
	var c Clip
	err := p.readJSON(clipboardDir, clipboardFile, &c)
	return c, err
}

// DeviceTag gives the tag by which the phone's apps say that they are on one
// phone: made at random by the first that asks, and gone with a reset.
func (p *Phone) DeviceTag() (string, error) {
	unlock, err := p.lockFile("tag.lock", true)
	if err != nil {
		return "", err
	}
	defer unlock()
	var kept struct {
		Tag string `json:"tag"`
	}
	if err := p.readJSON(tagDir, tagFile, &kept); err != nil || kept.Tag != "" {
		return kept.Tag, err
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	kept.Tag = hex.EncodeToString(b[:])
	if err := makePlain(p.root, tagDir); err != nil {
		return "", err
	}
	return kept.Tag, p.writeJSON(tagDir, tagFile, kept)
}

// media finds a file of the shared storage.
func media(place, name string) (dir string, err error) {
	folder, ok := mediaDirs[place]
	switch {
	case !ok:
		return "", fmt.Errorf("this phone has no %.40q: it has local-storage, photo-library and camera", place)
	case !mediaPattern.MatchString(name):
		return "", fmt.Errorf("%.40q cannot name a file there: want letters, digits, blanks and . _ -, at most 64", name)
	}
	return mediaDir + "/" + folder, nil
}

// SaveShared keeps a file where all apps see it.
func (p *Phone) SaveShared(place, name string, data []byte) error {
	dir, err := media(place, name)
	if err != nil {
		return err
	}
	if err := makePlain(p.root, dir); err != nil {
		return err
	}
	return p.write(dir, name, data)
}

// LoadShared gives a file that all apps see.
func (p *Phone) LoadShared(place, name string) ([]byte, error) {
	dir, err := media(place, name)
	if err != nil {
		return nil, err
	}
	data, err := p.read(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s in the phone's %s", name, place)
	}
	return data, err
}
