package compliance

import (
	"slices"
	"sync"
	"time"

	"ringfence/internal/device"
)

// maxRevokedKeys bounds how many keys one manifest names: the last ones. A
// device holds one key an alias; the others are long gone.
const maxRevokedKeys = 100

// Recall is a revoked certificate that its device is to give up, key and all.
type Recall struct {
	// Number counts the recalls ever made, of every device.
	Number uint64
	Key    CertificateKey
	// Serial is lower-case hex.
	Serial string
	// At is when the certificate was revoked.
	At time.Time
}

// RevokedKey is what a manifest says of a recall.
type RevokedKey struct {
	Alias string
	// SHA256 is the digest of the key's SubjectPublicKeyInfo, lower-case hex.
	SHA256 string
	// Serial and At are those of the certificate; the device need not know them.
	Serial string
	At     time.Time
}

// recallBook holds every recall of enrolments that last. Only the numbers
// behind the last one are ever read.
type recallBook struct {
	mu       sync.RWMutex // guards what follows
	last     uint64
	byDevice map[device.ID][]Recall // by number
}

// number is that of the last recall it has.
func (b *recallBook) number() uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.last
}

// add takes recalls in, by number.
func (b *recallBook) add(recalls []Recall) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range recalls {
		if r.Number <= b.last {
			continue
		}
		if b.byDevice == nil {
			b.byDevice = make(map[device.ID][]Recall)
		}
		b.last = r.Number
		b.byDevice[r.Key.Device] = append(b.byDevice[r.Key.Device], r)
	}
}

// of gives the recalls of one enrolment, by number. Do not change them.
func (b *recallBook) of(id device.ID, epoch device.Epoch) []Recall {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := b.byDevice[id]
	for i := range all {
		if all[i].Key.Epoch != epoch { // rare: enrolled again
			return slices.DeleteFunc(slices.Clone(all), func(r Recall) bool { return r.Key.Epoch != epoch })
		}
	}
	return all
}

// drop forgets the recalls of a device's epochs up to this one.
func (b *recallBook) drop(id device.ID, epoch device.Epoch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(b.byDevice[id]), func(r Recall) bool { return r.Key.Epoch <= epoch })
	if len(left) == 0 {
		delete(b.byDevice, id)
		return
	}
	b.byDevice[id] = left
}
