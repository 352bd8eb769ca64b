package container

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Each benchmark has the product, the same on plain files, and the limit, which
// is AES-GCM on blocks in memory. The data comes and goes in pieces of a block.
const benchSize = 32 << 20

func benchContainer(b *testing.B) *Container {
	b.Helper()
	c, err := Open(onDisk(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

func benchAEAD(b *testing.B) cipher.AEAD {
	b.Helper()
	block, err := aes.NewCipher(make([]byte, keySize))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return aead
}

// pieces writes benchSize octets.
func pieces(w io.Writer, piece []byte) error {
	for range benchSize / len(piece) {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// plainWrite replaces a file as one does without a container.
func plainWrite(dir string, size int, piece []byte) error {
	temp := filepath.Join(dir, "temp")
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	for range size / len(piece) {
		if _, err := f.Write(piece); err != nil {
			return err
		}
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), os.Rename(temp, filepath.Join(dir, "file")), d.Sync(), d.Close())
}

// BenchmarkContainerWrite replaces a large file, durably.
func BenchmarkContainerWrite(b *testing.B) {
	piece := some(1, blockSize)
	b.Run("product", func(b *testing.B) {
		c := benchContainer(b)
		b.SetBytes(benchSize)
		for b.Loop() {
			w, err := c.Create("file")
			if err != nil {
				b.Fatal(err)
			}
			if err := errors.Join(pieces(w, piece), w.Commit()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		dir := b.TempDir()
		b.SetBytes(benchSize)
		for b.Loop() {
			if err := plainWrite(dir, benchSize, piece); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("limit", func(b *testing.B) {
		aead, sealed := benchAEAD(b), make([]byte, 0, blockSize+tagSize)
		b.SetBytes(benchSize)
		for b.Loop() {
			for range benchSize / blockSize {
				aead.Seal(sealed, make([]byte, nonceSize), piece, nil)
			}
		}
	})
}

// BenchmarkContainerRead reads a large file that the system has in memory.
func BenchmarkContainerRead(b *testing.B) {
	piece := some(1, blockSize)
	b.Run("product", func(b *testing.B) {
		c := benchContainer(b)
		w, err := c.Create("file")
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(pieces(w, piece), w.Commit()); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(benchSize)
		for b.Loop() {
			r, err := c.Open("file")
			if err != nil {
				b.Fatal(err)
			}
			if err := errors.Join(drain(r, piece), r.Close()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		dir := b.TempDir()
		if err := plainWrite(dir, benchSize, piece); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(benchSize)
		for b.Loop() {
			f, err := os.Open(filepath.Join(dir, "file"))
			if err != nil {
				b.Fatal(err)
			}
			if err := errors.Join(drain(f, piece), f.Close()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("limit", func(b *testing.B) {
		aead := benchAEAD(b)
		nonce, plain := make([]byte, nonceSize), make([]byte, 0, blockSize)
		sealed := aead.Seal(nil, nonce, piece, nil)
		b.SetBytes(benchSize)
		for b.Loop() {
			for range benchSize / blockSize {
				if _, err := aead.Open(plain, nonce, sealed, nil); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// drain reads benchSize octets.
func drain(r io.Reader, into []byte) error {
	for range benchSize / len(into) {
		if _, err := io.ReadFull(r, into); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkContainerCommit replaces a small file, durably, which is all waiting
// for the disk and for a key store that is a file here.
func BenchmarkContainerCommit(b *testing.B) {
	data := some(1, 1024)
	b.Run("product", func(b *testing.B) {
		c := benchContainer(b)
		for b.Loop() {
			if err := c.WriteFile("file", data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		dir := b.TempDir()
		for b.Loop() {
			if err := plainWrite(dir, len(data), data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkContainerOpen opens a container of 100,000 files.
func BenchmarkContainerOpen(b *testing.B) {
	d := newDisk(1)
	keys := newKeys(nil)
	c, err := openIn(d.top, memOptions(keys))
	if err != nil {
		b.Fatal(err)
	}
	for range MaxFiles - 1 {
		e := entry{file: newID(), version: 1, content: newID(), size: 1}
		e.name = "a folder/another folder/" + e.file.String()
		if err := c.index.apply(change{entry: e}); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(renewed(writes("last", nil)).do(c), c.Close()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c, err := openIn(d.top, memOptions(keys))
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
