package ledger

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ringfence/internal/audit"
)

// Exports and proofs are text of one form: a line that says what it is, lines
// of base64, an empty line, and a signed head. An export's lines are its
// leaves, in order; a proof's are the leaf, then the hashes of the proof.
const (
	exportTitle = "ringfence audit export v1"
	proofTitle  = "ringfence audit proof v1"
)

// ErrFile says that a file is not of the form asked for.
var ErrFile = errors.New("not a file of this form")

var encoding = base64.StdEncoding.Strict()

// Writer writes an export.
type Writer struct{ w *bufio.Writer }

// NewWriter begins an export.
func NewWriter(w io.Writer) *Writer {
	b := bufio.NewWriter(w)
	_, _ = b.WriteString(exportTitle + "\n") // an error stays until Close
	return &Writer{b}
}

// Add writes the next leaf.
func (w *Writer) Add(leaf []byte) error { return writeLine(w.w, leaf) }

func writeLine(w *bufio.Writer, b []byte) error {
	_, _ = w.WriteString(encoding.EncodeToString(b))
	return w.WriteByte('\n')
}

// Close ends the export with the signed head of its entries. It does not close
// what it writes to.
func (w *Writer) Close(signed string) error {
	_, _ = w.w.WriteString("\n" + signed)
	return w.w.Flush()
}

// FormatProof makes an inclusion proof to hand to somebody.
func FormatProof(leaf []byte, proof []tlog.Hash, signed string) []byte {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	_, _ = w.WriteString(proofTitle + "\n")
	_ = writeLine(w, leaf)
	for _, h := range proof {
		_ = writeLine(w, h[:])
	}
	_, _ = w.WriteString("\n" + signed)
	_ = w.Flush() // into memory
	return b.Bytes()
}

// reader reads the lines of a file.
type reader struct {
	lines *bufio.Scanner
	n     int
}

func newReader(r io.Reader, title string) (*reader, error) {
	in := &reader{lines: bufio.NewScanner(r)}
	in.lines.Buffer(nil, base64.StdEncoding.EncodedLen(MaxLeaf)+2)
	in.lines.Split(wholeLines)
	if !in.lines.Scan() || in.lines.Text() != title {
		return nil, errors.Join(fmt.Errorf("%w: want %q in the first line", ErrFile, title), in.lines.Err())
	}
	in.n = 1
	return in, nil
}

// wholeLines splits at newlines and keeps everything else, carriage returns
// included; what follows the last newline is not a line.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// next gives the bytes of the next line; false at the empty one.
func (r *reader) next() ([]byte, bool, error) {
	r.n++
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return nil, false, fmt.Errorf("%w: line %d: %w", ErrFile, r.n, err)
		}
		return nil, false, fmt.Errorf("%w: it ends in line %d, without a signed head", ErrFile, r.n)
	}
	if len(r.lines.Bytes()) == 0 {
		return nil, false, nil
	}
	b, err := encoding.AppendDecode(nil, r.lines.Bytes())
	if err != nil {
		return nil, false, fmt.Errorf("%w: line %d is not base64", ErrFile, r.n)
	}
	return b, true, nil
}

// note gives the signed note that the rest of the file is.
func (r *reader) note() (string, error) {
	var b bytes.Buffer
	for r.lines.Scan() {
		if b.Len()+len(r.lines.Bytes()) > MaxNote {
			return "", fmt.Errorf("%w: too much follows the entries", ErrFile)
		}
		b.Write(r.lines.Bytes())
		b.WriteByte('\n')
	}
	if err := r.lines.Err(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrFile, err)
	}
	return b.String(), nil
}

// VerifyExport reads an export and checks it against the log's key and the heads
// that were remembered of the log. It hands every entry to each as it goes, where
// that is given: what it hands out is verified once VerifyExport has returned
// no error. It gives the head and the note it is signed in. Errors: ErrFile,
// ErrHead, ErrChanged, ErrRewound, ErrForked.
func VerifyExport(r io.Reader, key note.Verifier, each func(audit.Entry), remembered ...Head) (Head, string, error) {
	in, err := newReader(r, exportTitle)
	if err != nil {
		return Head{}, "", err
	}
	c := NewChecker(remembered...)
	for {
		leaf, more, err := in.next()
		if err != nil {
			return Head{}, "", err
		}
		if !more {
			break
		}
		entry, err := c.Add(leaf)
		if err != nil {
			return Head{}, "", err
		}
		if each != nil {
			each(entry)
		}
	}
	signed, err := in.note()
	if err != nil {
		return Head{}, "", err
	}
	head, err := OpenHead(signed, key)
	if err != nil {
		return Head{}, "", err
	}
	return head, signed, c.Done(head)
}

// ReadProof reads a proof, checks it with the log's key, and gives the entry it
// is about and the head it leads to. Errors: ErrFile, ErrHead, ErrProof.
func ReadProof(r io.Reader, key note.Verifier) (audit.Entry, Head, error) {
	in, err := newReader(r, proofTitle)
	if err != nil {
		return audit.Entry{}, Head{}, err
	}
	var leaf []byte
	var hashes []byte
	for {
		line, more, err := in.next()
		switch {
		case err != nil:
			return audit.Entry{}, Head{}, err
		case !more:
			signed, err := in.note()
			if err != nil {
				return audit.Entry{}, Head{}, err
			}
			return checkProof(leaf, hashes, signed, key)
		case leaf == nil:
			leaf = line
		case len(line) != tlog.HashSize || len(hashes) >= 64*tlog.HashSize:
			return audit.Entry{}, Head{}, fmt.Errorf("%w: line %d is not a hash of a proof", ErrFile, in.n)
		default:
			hashes = append(hashes, line...)
		}
	}
}

func checkProof(leaf, hashes []byte, signed string, key note.Verifier) (audit.Entry, Head, error) {
	head, err := OpenHead(signed, key)
	if err != nil {
		return audit.Entry{}, Head{}, err
	}
	proof, err := Hashes(hashes)
	if err != nil {
		return audit.Entry{}, Head{}, err
	}
	e, err := CheckIncluded(head, leaf, proof)
	return e, head, err
}
