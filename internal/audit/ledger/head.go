package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Head is what the log was at one moment: how many entries, and their root.
type Head struct {
	Size uint64
	Root tlog.Hash
}

// MaxNote bounds a signed head, in bytes.
const MaxNote = 4 << 10

// Sign makes the signed note of a head: a checkpoint, whose first line is the
// log's name, the second its size and the third its root in base64.
func (h Head) Sign(key note.Signer) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", key.Name(), h.Size, h.Root)
	signed, err := note.Sign(&note.Note{Text: text}, key)
	if err != nil {
		return "", fmt.Errorf("sign a head: %w", err)
	}
	return string(signed), nil
}

// ErrHead says that a note is no head of the log whose key was given.
var ErrHead = errors.New("not a head that was signed with this log's key")

// OpenHead verifies a signed note and gives the head in it. Errors: ErrHead.
func OpenHead(signed string, key note.Verifier) (Head, error) {
	if len(signed) > MaxNote {
		return Head{}, ErrHead
	}
	n, err := note.Open([]byte(signed), note.VerifierList(key))
	if err != nil {
		return Head{}, fmt.Errorf("%w: %w", ErrHead, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != key.Name() {
		return Head{}, ErrHead
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || size > maxSize || strconv.FormatUint(size, 10) != lines[1] {
		return Head{}, ErrHead
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] {
		return Head{}, ErrHead
	}
	return Head{Size: size, Root: root}, nil
}
