package ledger

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"ringfence/internal/audit"
)

// What is wrong with a log. Each is wrapped with the particulars.
var (
	// ErrChanged says that the entries are not those that were signed: some
	// were edited, dropped, put elsewhere or slipped in.
	ErrChanged = errors.New("the record was changed")
	// ErrRewound says that the log is shorter than it was.
	ErrRewound = errors.New("the record was rewound")
	// ErrForked says that the log is not a continuation of what it was.
	ErrForked = errors.New("the record was rewritten")
	// ErrProof says that a proof does not prove.
	ErrProof = errors.New("the proof does not hold")
)

// Checker takes the leaves of a log in order and compares them with heads.
type Checker struct {
	tree       Tree
	remembered []Head
}

// NewChecker makes a Checker. Each remembered head must be one that the log has
// gone through.
func NewChecker(remembered ...Head) *Checker { return &Checker{remembered: remembered} }

// Add takes the next leaf and gives its entry. Errors: ErrChanged, ErrForked.
func (c *Checker) Add(leaf []byte) (audit.Entry, error) {
	if err := c.passed(); err != nil {
		return audit.Entry{}, err
	}
	want := c.Size() + 1
	e, err := ParseLeaf(leaf)
	if err != nil {
		return audit.Entry{}, fmt.Errorf("%w: in place of entry %d: %w", ErrChanged, want, err)
	}
	if e.Sequence != want {
		return audit.Entry{}, fmt.Errorf("%w: entry %d stands in place of entry %d", ErrChanged, e.Sequence, want)
	}
	c.tree.Append(leaf)
	return e, nil
}

// Size is the number of leaves so far.
func (c *Checker) Size() uint64 { return c.tree.Size() }

// passed compares the tree so far with the remembered heads of its size.
func (c *Checker) passed() error {
	for _, r := range c.remembered {
		if r.Size == c.Size() && r.Root != c.tree.Root() {
			return fmt.Errorf("%w: the first %d entries are not those of the remembered head", ErrForked, r.Size)
		}
	}
	return nil
}

// Done compares the leaves, all of which have been added, with the head that
// was signed of them. Errors: ErrChanged, ErrRewound, ErrForked.
func (c *Checker) Done(head Head) error {
	switch {
	case c.Size() != head.Size:
		return fmt.Errorf("%w: there are %d entries, and %d were signed", ErrChanged, c.Size(), head.Size)
	case c.tree.Root() != head.Root:
		return fmt.Errorf("%w: the %d entries are not those that were signed", ErrChanged, head.Size)
	}
	for _, r := range c.remembered {
		if r.Size > head.Size {
			return rewound(r, head)
		}
	}
	return c.passed()
}

func rewound(remembered, head Head) error {
	return fmt.Errorf("%w: it has %d entries, and had %d", ErrRewound, head.Size, remembered.Size)
}

// CheckContinues says whether the log of head continues that of a remembered
// one, by a consistency proof of the two. Errors: ErrRewound, ErrForked.
func CheckContinues(remembered, head Head, proof []tlog.Hash) error {
	switch {
	case head.Size < remembered.Size:
		return rewound(remembered, head)
	case head.Size == remembered.Size && head.Root == remembered.Root, remembered == Head{Root: new(Tree).Root()}:
		return nil
	case remembered.Size == 0 || head.Size == remembered.Size:
		return fmt.Errorf("%w: two roots are signed of %d entries", ErrForked, head.Size)
	}
	if err := tlog.CheckTree(proof, int64(head.Size), head.Root, int64(remembered.Size), remembered.Root); err != nil {
		return fmt.Errorf("%w: its %d entries are not proved to begin with the %d that were remembered", ErrForked, head.Size, remembered.Size)
	}
	return nil
}

// CheckIncluded gives the entry of a leaf that an inclusion proof shows to be
// in the log of head. Errors: ErrProof.
func CheckIncluded(head Head, leaf []byte, proof []tlog.Hash) (audit.Entry, error) {
	e, err := ParseLeaf(leaf)
	if err != nil {
		return audit.Entry{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if e.Sequence > head.Size {
		return audit.Entry{}, fmt.Errorf("%w: entry %d is not among the %d that were signed", ErrProof, e.Sequence, head.Size)
	}
	err = tlog.CheckRecord(proof, int64(head.Size), head.Root, int64(e.Sequence-1), tlog.RecordHash(leaf))
	if err != nil {
		return audit.Entry{}, fmt.Errorf("%w: entry %d is not the one that was signed", ErrProof, e.Sequence)
	}
	return e, nil
}
