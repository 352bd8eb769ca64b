package wipe

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Phase is how far the phone is with one order.
type Phase string

// The phases, in order; the last three are the other ways to end.
const (
	// Accepted: verified; the acknowledgement may or may not have reached the
	// server. Nothing has been removed.
	Accepted Phase = "accepted"
	// Acknowledged: the server has kept the promise to act.
	Acknowledged Phase = "acknowledged"
	// Committed: what the first two are for other orders, for one with a lease.
	// The commitment is written down, and the phone acts; the server hears of it
	// when there is contact again.
	Committed Phase = "committed"
	// Removed: everything is gone and the receipt is written.
	Removed Phase = "removed"
	// Told: the server has kept the commitment to an order with a lease.
	Told Phase = "told"
	// Reported: the server has kept the receipt.
	Reported Phase = "reported"
	// Finished: nothing is left to do.
	Finished Phase = "finished"
	// Cancelled: the server answered the acknowledgement with the order's end.
	// Nothing was removed, and nothing will be, should the order come again.
	Cancelled Phase = "cancelled"
	// Dropped: the server did not take the acknowledgement, for another reason.
	// Nothing was removed; an order that comes again is looked at again.
	Dropped Phase = "dropped"
	// Refused: the phone told the server that it cannot. Nothing was removed.
	Refused Phase = "refused"
)

// keepPast is how many past orders are kept for people to see, however old.
const keepPast = 100

// Journal is what the phone knows of its orders.
type Journal struct {
	// Acted is the highest sequence that this phone has acted on. It is written
	// with the step into Acknowledged or Committed, before anything is removed.
	Acted Acted `json:"acted,omitzero"`
	// Current is the order under way; nil without one.
	Current *Entry `json:"current,omitempty"`
	// Past are the orders that ended, oldest first. Those whose time has not
	// passed are all kept, so that a replay is recognised.
	Past []Entry `json:"past,omitempty"`
}

// Acted is a sequence and whose it is: a phone that becomes another device, for
// another server for example, counts anew.
type Acted struct {
	DeviceID string `json:"deviceId"`
	Sequence uint64 `json:"sequence"`
}

// Entry is one order in the journal.
type Entry struct {
	OrderID  string `json:"orderId"`
	DeviceID string `json:"deviceId,omitempty"`
	Epoch    uint64 `json:"epoch"`
	Sequence uint64 `json:"sequence,omitempty"`
	// Digest is the SHA-256 of the order as it was signed.
	Digest   []byte    `json:"digest,omitempty"`
	Scope    Scope     `json:"scope"`
	NotAfter time.Time `json:"notAfter"`
	Phase    Phase     `json:"phase"`
	// ChangedAt is when the phase was reached.
	ChangedAt time.Time `json:"changedAt"`
	// Lease is true of an order that the phone carries out by itself.
	Lease bool `json:"lease,omitempty"`
	// Commitment is what the phone signs before it removes what the enrolment
	// goes with: the very bytes. The signature is made anew each time it is sent.
	Commitment []byte `json:"commitment,omitempty"`
	// Steps are the steps of the removal; nil until they have been measured.
	Steps []Step `json:"steps,omitempty"`
	// Receipt is present from Removed on.
	Receipt *Receipt `json:"receipt,omitempty"`
	// Outcome says in words how it ended.
	Outcome string `json:"outcome,omitempty"`
}

// Step is one step of a removal.
type Step struct {
	Name    string `json:"name"`
	Removes Tally  `json:"removes"`
	Done    bool   `json:"done"`
}

// Tally counts what a step removes, or all of them together.
type Tally struct {
	Packages     []string `json:"packages,omitempty"`
	Files        uint64   `json:"files,omitempty"`
	Bytes        uint64   `json:"bytes,omitempty"`
	Keys         uint64   `json:"keys,omitempty"`
	Certificates uint64   `json:"certificates,omitempty"`
}

// Receipt is what the phone tells the server in the end.
type Receipt struct {
	FinishedAt time.Time `json:"finishedAt"`
	Tally
}

// maxReceiptPackages is how many names a receipt may hold.
const maxReceiptPackages = 5000

// maxReceiptNames is how many octets those names may have together.
const maxReceiptNames = 256 << 10

// receiptFor adds the steps up.
func receiptFor(steps []Step, now time.Time) *Receipt {
	return &Receipt{FinishedAt: now.UTC().Truncate(time.Microsecond), Tally: sum(steps)}
}

// sum adds the steps up, with as many names as there is room for.
func sum(steps []Step) (t Tally) {
	for _, s := range steps {
		t.Packages = append(t.Packages, s.Removes.Packages...)
		t.Files += s.Removes.Files
		t.Bytes += s.Removes.Bytes
		t.Keys += s.Removes.Keys
		t.Certificates += s.Removes.Certificates
	}
	t.Packages = slices.DeleteFunc(t.Packages, func(name string) bool { return !ValidPackage(name) })
	slices.Sort(t.Packages)
	t.Packages = slices.Compact(t.Packages)
	size := 0
	for i, name := range t.Packages {
		if size += len(name); i == maxReceiptPackages || size > maxReceiptNames {
			t.Packages = t.Packages[:i]
			break
		}
	}
	return t
}

func (r *Receipt) wire() *wipev1.Receipt {
	return &wipev1.Receipt{
		FinishedAt:          timestamppb.New(r.FinishedAt),
		Packages:            r.Packages,
		FilesRemoved:        r.Files,
		BytesRemoved:        r.Bytes,
		KeysRemoved:         r.Keys,
		CertificatesRemoved: r.Certificates,
	}
}

// passed reports whether the phone has acted on an order, or on a later one.
func (j *Journal) passed(o Order) bool {
	return o.Sequence == 0 || j.Acted.DeviceID == o.DeviceID && o.Sequence <= j.Acted.Sequence
}

// act notes that the phone is about to act on the order under way. One with a
// lease may be older than what was acted on before.
func (j *Journal) act() {
	sequence := j.Current.Sequence
	if j.Acted.DeviceID == j.Current.DeviceID {
		sequence = max(sequence, j.Acted.Sequence)
	}
	j.Acted = Acted{DeviceID: j.Current.DeviceID, Sequence: sequence}
}

// begun reports whether the order under way has begun to remove what the
// enrolment goes with.
func (j *Journal) begun() bool {
	return j.Current != nil && j.Current.Scope.Ends() && j.Current.Phase != Accepted
}

// find gives the past entry of an order, nil if there is none.
func (j *Journal) find(orderID string) *Entry {
	for i := range j.Past {
		if j.Past[i].OrderID == orderID {
			return &j.Past[i]
		}
	}
	return nil
}

// end moves the current order to the past.
func (j *Journal) end(phase Phase, outcome string, now time.Time) {
	e := *j.Current
	e.Phase, e.Outcome, e.ChangedAt = phase, outcome, now
	j.Current = nil
	j.remember(e, now)
}

// remember adds a past entry and forgets old ones that can never be replayed.
func (j *Journal) remember(e Entry, now time.Time) {
	j.Past = slices.DeleteFunc(j.Past, func(p Entry) bool { return p.OrderID == e.OrderID })
	j.Past = append(j.Past, e)
	spare := len(j.Past) - keepPast
	j.Past = slices.DeleteFunc(j.Past, func(p Entry) bool {
		if spare > 0 && now.After(p.NotAfter) {
			spare--
			return true
		}
		return false
	})
}
