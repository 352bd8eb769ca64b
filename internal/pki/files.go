package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	blockCertificate = "CERTIFICATE"
	blockPrivateKey  = "PRIVATE KEY"

	maxSecretFile = 64 << 10
)

// holder is a certificate together with its key.
type holder struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func (h holder) encode() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(h.key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: h.certificate.Raw})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: blockPrivateKey, Bytes: key})...), nil
}

// saveHolder writes one PEM file, whole or not at all. Certificate and key
// share a file so that they cannot get out of step.
func saveHolder(path string, h holder) error {
	data, err := h.encode()
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // a second Close only errs
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes renames in a folder survive a power cut.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func loadHolder(path string) (holder, error) {
	data, err := readSecret(path)
	if err != nil {
		return holder{}, err
	}
	h, err := decodeHolder(data)
	if err != nil {
		return holder{}, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// readSecret reads a file that nobody but its owner may read. It looks at the
// file it has opened, so that the answer cannot change in between.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s holds a private key and has mode %04o: others than its owner may use it (chmod 600 %s)", path, mode, path)
	}
	return io.ReadAll(io.LimitReader(f, maxSecretFile))
}

func decodeHolder(data []byte) (holder, error) {
	certBlock, rest := pem.Decode(data)
	if certBlock == nil || certBlock.Type != blockCertificate {
		return holder{}, errors.New("no certificate at the start")
	}
	keyBlock, _ := pem.Decode(rest)
	if keyBlock == nil || keyBlock.Type != blockPrivateKey {
		return holder{}, errors.New("no PKCS#8 private key after the certificate")
	}
	certificate, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return holder{}, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return holder{}, errors.New("the private key cannot be read") // the cause could quote it
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return holder{}, fmt.Errorf("the private key is a %T, not ECDSA", parsed)
	}
	if pub, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(key.Public()) {
		return holder{}, errors.New("the private key does not belong to the certificate")
	}
	return holder{certificate: certificate, key: key}, nil
}

// ownDir makes the folder, or checks that nobody else can put files into it.
func ownDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%s has mode %04o: others than its owner may put keys there (chmod 700 %s)", dir, mode, dir)
	}
	return nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
