package wipe

import (
	"fmt"
	"math"
	"slices"
	"time"

	"ringfence/internal/fault"
)

// MaxReceiptPackages bounds how many apps one receipt names.
const MaxReceiptPackages = 5000

// Receipt says what the device removed, in the device's words.
type Receipt struct {
	// FinishedAt is by the device's clock, which may be wrong.
	FinishedAt time.Time
	// Packages are those whose work data was removed: sorted and unique.
	Packages []string
	// Files, Keys and Certificates are counts, Bytes a sum; each at most
	// 2^63-1.
	Files        uint64
	Bytes        uint64
	Keys         uint64
	Certificates uint64
}

// checked gives the receipt in the form it is kept in, or says what is wrong
// with it as an answer to an order of scope s: a device that says it removed
// what the order does not name has no receipt for this order.
func (r Receipt) checked(s Scope) (Receipt, error) {
	r.FinishedAt = r.FinishedAt.UTC().Truncate(time.Microsecond)
	if y := r.FinishedAt.Year(); y < 1970 || y > 9999 {
		return Receipt{}, fault.InvalidField("done.finished_at", "must be between the years 1970 and 9999")
	}
	for _, n := range []struct {
		field string
		value uint64
	}{
		{"done.files_removed", r.Files}, {"done.bytes_removed", r.Bytes},
		{"done.keys_removed", r.Keys}, {"done.certificates_removed", r.Certificates},
	} {
		if n.value > math.MaxInt64 {
			return Receipt{}, fault.InvalidField(n.field, "must be at most %d", int64(math.MaxInt64))
		}
	}
	if len(r.Packages) > MaxReceiptPackages {
		return Receipt{}, fault.InvalidField("done.packages", "must name at most %d apps", MaxReceiptPackages)
	}
	for i, p := range r.Packages {
		field := fmt.Sprintf("done.packages[%d]", i)
		if !isPackage(p) {
			return Receipt{}, fault.InvalidField(field, "is not an Android package name")
		}
		if s.kind == AppData && !s.names([]string{p}) {
			return Receipt{}, fault.InvalidField(field, "is not in the order's scope")
		}
	}
	r.Packages = slices.Compact(slices.Sorted(slices.Values(r.Packages)))
	return r, nil
}

// String says it in a line, for the record.
func (r Receipt) String() string {
	return fmt.Sprintf("removed the work data of %d apps: %d files, %d bytes, %d keys, %d certificates",
		len(r.Packages), r.Files, r.Bytes, r.Keys, r.Certificates)
}
