package ctlconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// maxSize is far above any honest file: a context with RSA keys takes 10 KiB.
const maxSize = 1 << 20

// Load reads the file. Unknown fields, a second document, doubled names and
// malformed addresses are errors; a missing file is fs.ErrNotExist.
func Load(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return Config{}, err
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse reads the content of a file, as strictly as Load. An empty one is an
// empty Config.
func Parse(data []byte) (Config, error) {
	if len(data) > maxSize {
		return Config{}, fmt.Errorf("larger than %d bytes", maxSize)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	var c Config
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("more than one document")
	}
	return c, c.check()
}

// Save writes the file, readable by its owner only, whatever was there before.
// A reader sees the old file or the new one, never a part. Missing folders are
// made, closed to others.
func Save(path string, c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	data, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return replace(dir, path, data)
}

func replace(dir, path string, data []byte) (err error) {
	// CreateTemp opens with 0600: the key is at no moment readable by others.
	f, err := os.CreateTemp(dir, ".mdmctl-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Exposed reports whether others than its owner may read the file.
func Exposed(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return info.Mode()&fs.FileMode(0o077) != 0, nil
}
