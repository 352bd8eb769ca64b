package container

import (
	"bufio"
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
)

const (
	manifestMagic = "RFMANIF1"
	// sector is what a disk writes whole or not at all: a record that is appended
	// shares none with an older one.
	sector = 512
	// maxRecord is how many octets a record has at most on disk.
	maxRecord = 128 * sector
	// sealExtra is what a record has on disk besides what is sealed: its length,
	// nonce and tag. recordExtra is that and the generation.
	sealExtra   = 2 + nonceSize + tagSize
	recordExtra = sealExtra + 8
	// maxManifest is above twice what MaxFiles with the longest names take.
	maxManifest = 128 << 20
	// slack is how much a manifest grows at least before it is written anew.
	slack = 1 << 20
	// maxJump is how far apart two generations are at most.
	maxJump = math.MaxUint32
)

// slots are the files a manifest may be in. A new one is written beside the old
// one, which stays until the new one counts.
var slots = [2]string{"manifest.0", "manifest.1"}

// manifest is the record of a container's files: a header and sealed records,
// each of which goes with the one before it.
//
// The record whose generation the key store's counter has is the newest. What
// follows it was never acknowledged, or is a forgery, and is not read.
type manifest struct {
	vault   vault
	file    file
	slot    int
	records recordSealer
	end     int64 // where the next record goes
	// generation is that of the newest record.
	generation int64
	// renewAt is the size at which it is written anew.
	renewAt int64
}

// recordSealer seals and opens records, each bound to the one before it.
type recordSealer struct {
	aead   cipher.AEAD
	number uint64
	tag    [tagSize]byte // of the record before
}

// sealer gives the sealer of the manifest with a header, which is random but for
// its magic, and the salt of the key.
func (v vault) sealer(header []byte) (recordSealer, error) {
	key, err := v.derive(header, "manifest", nil)
	if err != nil {
		return recordSealer{}, err
	}
	// Random nonces: after a crash, another record may go where one was lost.
	aead, err := cipher.NewGCMWithRandomNonce(key)
	return recordSealer{aead: aead}, err
}

func (s *recordSealer) bound() []byte {
	return append(binary.BigEndian.AppendUint64(nil, s.number), s.tag[:]...)
}

func (s *recordSealer) went(record []byte) {
	s.number++
	copy(s.tag[:], record[len(record)-tagSize:])
}

// seal gives the record as it goes to disk: a whole number of sectors.
func (s *recordSealer) seal(generation int64, changes []change) ([]byte, error) {
	plain, err := binary.Append(nil, binary.BigEndian, generation)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		plain = c.append(plain)
	}
	sectors := (sealExtra + len(plain) + sector - 1) / sector
	plain = append(plain, make([]byte, sectors*sector-sealExtra-len(plain))...)
	record := binary.BigEndian.AppendUint16(nil, uint16(sectors)) //nolint:gosec // callers keep to maxRecord
	return s.aead.Seal(record, nil, plain, s.bound()), nil        //nolint:gosec // the AEAD makes the nonce
}

// next reads the next record; io.EOF where none begins.
func (s *recordSealer) next(r io.Reader) (generation int64, changes []change, size int64, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, 0, err
	}
	size = int64(binary.BigEndian.Uint16(head[:])) * sector
	if size == 0 || size > maxRecord {
		return 0, nil, 0, fmt.Errorf("a record is too long: %w", ErrDamaged)
	}
	sealed := make([]byte, size-int64(len(head)))
	if _, err := io.ReadFull(r, sealed); err != nil {
		return 0, nil, 0, cutOff(err)
	}
	plain, err := s.aead.Open(nil, nil, sealed, s.bound())
	if err != nil {
		return 0, nil, 0, fmt.Errorf("record %d: %w", s.number, ErrDamaged)
	}
	n, err := binary.Decode(plain, binary.BigEndian, &generation)
	if err != nil {
		return 0, nil, 0, err
	}
	changes, err = parseChanges(plain[n:])
	s.went(sealed)
	return generation, changes, size, err
}

// cutOff turns the end of a file in the middle of something into ErrDamaged.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it is cut off: %w", ErrDamaged)
	}
	return err
}

// loadManifest finds the manifest that ends in a generation. What else there is
// in its files does not count, whatever is wrong with it.
func loadManifest(top folder, v vault, generation int64) (*manifest, *index, error) {
	failed := fmt.Errorf("there is no manifest: %w", ErrRolledBack)
	for slot := range slots {
		m, x, err := openManifest(top, v, slot, generation)
		switch {
		case err == nil:
			return m, x, nil
		case errors.Is(err, fs.ErrNotExist):
		case !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrRolledBack):
			return nil, nil, err // it may be right, and cannot be read now
		default:
			failed = fmt.Errorf("%s: %w", slots[slot], err)
		}
	}
	return nil, nil, failed
}

func openManifest(top folder, v vault, slot int, generation int64) (*manifest, *index, error) {
	f, err := top.edit(slots[slot])
	if err != nil {
		return nil, nil, err
	}
	m := &manifest{vault: v, file: f, slot: slot}
	x, err := m.read(generation)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return m, x, nil
}

// read reads up to a generation; ErrRolledBack if all is right and it is not
// there.
func (m *manifest) read(generation int64) (*index, error) {
	size, err := m.file.Size()
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(m.file, 0, min(size, maxManifest)), maxRecord)
	header := make([]byte, sector)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, cutOff(err)
	}
	if !bytes.HasPrefix(header, []byte(manifestMagic)) {
		return nil, fmt.Errorf("it is no manifest: %w", ErrDamaged)
	}
	if m.records, err = m.vault.sealer(header); err != nil {
		return nil, err
	}
	m.end = sector
	x := newIndex()
	for m.generation != generation {
		at, changes, size, err := m.records.next(r)
		if errors.Is(err, io.EOF) {
			return nil, ErrRolledBack
		}
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			if err := x.apply(c); err != nil {
				return nil, err
			}
		}
		m.end += size
		m.generation = at
	}
	m.plan(x)
	return x, nil
}

// plan says when the manifest is to be written anew: when at most half of it
// still counts, so that each change pays for it with a constant.
func (m *manifest) plan(x *index) {
	live := int64(sector)
	for _, e := range x.names {
		live += int64(change{entry: e}.length())
	}
	m.renewAt = 2*live + slack
}

// nextGeneration is above the last one by a random number. So a record that was
// written and never counted does not have the number of a later one.
func nextGeneration(last int64) (int64, error) {
	var jump [4]byte
	_, _ = rand.Read(jump[:]) // never fails: it ends the program first
	if last > math.MaxInt64-1-maxJump {
		return 0, errors.New("the container has been changed too often")
	}
	return last + 1 + int64(binary.BigEndian.Uint32(jump[:])), nil
}

// raise tells the key store of a generation: that makes it count. ErrUnsure if
// the key store fails, because then it may count or not.
type raise func(generation int64) error

// append writes a record and makes it count. After an error other than
// ErrUnsure nothing has changed.
func (m *manifest) append(changes []change, count raise) error {
	generation, err := nextGeneration(m.generation)
	if err != nil {
		return err
	}
	record, err := m.records.seal(generation, changes)
	if err != nil {
		return err
	}
	if err := writeAll(m.file, record, m.end); err != nil {
		return err
	}
	if err := m.file.Sync(); err != nil {
		return err
	}
	if err := count(generation); err != nil {
		return err
	}
	m.records.went(record)
	m.end += int64(len(record))
	m.generation = generation
	return nil
}

func writeAll(f file, b []byte, at int64) error {
	_, err := f.WriteAt(b, at)
	return err
}

// newManifest writes a manifest of all files into a slot and makes it count,
// after a generation.
func newManifest(top folder, v vault, x *index, slot int, after int64, count raise) (*manifest, error) {
	if err := top.remove(slots[slot]); err != nil {
		return nil, err
	}
	f, err := top.create(slots[slot])
	if err != nil {
		return nil, err
	}
	m := &manifest{vault: v, file: f, slot: slot}
	if err = m.writeWhole(x, after); err == nil {
		err = top.sync()
	}
	if err == nil {
		err = count(m.generation)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	m.plan(x)
	return m, nil
}

// writeWhole writes header and files. Only the last record has the generation,
// so that a part of it never counts.
func (m *manifest) writeWhole(x *index, after int64) (err error) {
	header := make([]byte, sector)
	_, _ = rand.Read(header[copy(header, manifestMagic):]) // never fails
	if m.records, err = m.vault.sealer(header); err != nil {
		return err
	}
	if m.generation, err = nextGeneration(after); err != nil {
		return err
	}
	if err := writeAll(m.file, header, 0); err != nil {
		return err
	}
	m.end = sector
	var batch []change
	length := recordExtra
	for _, e := range x.names {
		c := change{entry: e}
		if length += c.length(); length > maxRecord {
			if err := m.put(0, batch); err != nil {
				return err
			}
			batch, length = batch[:0], recordExtra+c.length()
		}
		batch = append(batch, c)
	}
	if err := m.put(m.generation, batch); err != nil {
		return err
	}
	return m.file.Sync()
}

func (m *manifest) put(generation int64, changes []change) error {
	record, err := m.records.seal(generation, changes)
	if err != nil {
		return err
	}
	if err := writeAll(m.file, record, m.end); err != nil {
		return err
	}
	m.records.went(record)
	m.end += int64(len(record))
	return nil
}
