package phone

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Digest sums up the files of one side of the phone.
type Digest struct {
	Files uint64 `json:"files"`
	Bytes uint64 `json:"bytes"`
	// SHA256 is over the names, kinds and contents of all files, in the order
	// of their names; lower-case hex.
	SHA256 string `json:"sha256"`
}

// Digests sums up the person's side and the work side. The work-account folder
// of an app on the person's side belongs to the work side. Safe beside a running
// agent, though it may then see files come and go.
func (p *Phone) Digests() (personal, work Digest, err error) {
	one, two := sha256.New(), sha256.New()
	err = p.digest(personalDir, func(name string) (hash.Hash, *Digest) {
		if parts := strings.Split(name, "/"); len(parts) > 1 && parts[1] == workAccount {
			return two, &work
		}
		return one, &personal
	})
	if err != nil {
		return personal, work, err
	}
	err = p.digest(profileDir, func(string) (hash.Hash, *Digest) { return two, &work })
	personal.SHA256, work.SHA256 = hex.EncodeToString(one.Sum(nil)), hex.EncodeToString(two.Sum(nil))
	return personal, work, err
}

// digest adds the files below a folder to what side chooses for their names.
func (p *Phone) digest(dir string, side func(name string) (hash.Hash, *Digest)) error {
	return p.within(dir, func(folder *os.Root) error {
		return fs.WalkDir(folder.FS(), ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			h, d := side(name)
			d.Files++
			fmt.Fprintf(h, "%s/%s\x00%s\x00", dir, name, info.Mode().Type())
			switch {
			case info.Mode().IsRegular():
				n, err := hashFile(h, folder, name)
				d.Bytes += n
				return err
			case info.Mode()&fs.ModeSymlink != 0:
				target, err := folder.Readlink(name)
				fmt.Fprintf(h, "%s\x00", target)
				return err
			}
			return nil
		})
	})
}

func hashFile(h hash.Hash, folder *os.Root, name string) (uint64, error) {
	f, err := folder.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	content := sha256.New()
	n, err := io.Copy(content, f)
	_, _ = h.Write(content.Sum(nil))
	return uint64(max(n, 0)), err
}
