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
	var err error
	if r.FinishedAt, err = checkMoment("done.finished_at", r.FinishedAt); err != nil {
		return Receipt{}, err
	}
	err = checkCounts(
		count{"done.files_removed", r.Files}, count{"done.bytes_removed", r.Bytes},
		count{"done.keys_removed", r.Keys}, count{"done.certificates_removed", r.Certificates})
	if err != nil {
		return Receipt{}, err
	}
	r.Packages, err = checkPackages("done.packages", r.Packages, s)
	return r, err
}

// checkMoment gives a time of the device's clock as it is kept.
func checkMoment(field string, t time.Time) (time.Time, error) {
	t = t.UTC().Truncate(time.Microsecond)
	if y := t.Year(); y < 1970 || y > 9999 {
		return time.Time{}, fault.InvalidField(field, "must be between the years 1970 and 9999")
	}
	return t, nil
}

type count struct {
	field string
	value uint64
}

func checkCounts(counts ...count) error {
	for _, n := range counts {
		if n.value > math.MaxInt64 {
			return fault.InvalidField(n.field, "must be at most %d", int64(math.MaxInt64))
		}
	}
	return nil
}

// checkPackages gives the names sorted and unique, if all of them are names
// that the scope covers.
func checkPackages(field string, packages []string, s Scope) ([]string, error) {
	if len(packages) > MaxReceiptPackages {
		return nil, fault.InvalidField(field, "must name at most %d apps", MaxReceiptPackages)
	}
	for i, p := range packages {
		field := fmt.Sprintf("%s[%d]", field, i)
		if !isPackage(p) {
			return nil, fault.InvalidField(field, "is not an Android package name")
		}
		if !s.EndsEnrollment() && !s.names([]string{p}) {
			return nil, fault.InvalidField(field, "is not in the order's scope")
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(packages))), nil
}

func (r Receipt) equal(q Receipt) bool {
	return r.FinishedAt.Equal(q.FinishedAt) && slices.Equal(r.Packages, q.Packages) && r.Files == q.Files &&
		r.Bytes == q.Bytes && r.Keys == q.Keys && r.Certificates == q.Certificates
}

// String says it in a line, for the record.
func (r Receipt) String() string {
	return "removed " + contents(len(r.Packages), r.Files, r.Bytes, r.Keys, r.Certificates)
}
