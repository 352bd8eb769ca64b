package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"google.golang.org/protobuf/reflect/protoreflect"

	"ringfence/internal/enumname"
)

// sheet writes a description: labels and values, aligned within a section, each
// section deeper by two spaces than the one it is in.
type sheet struct {
	w      io.Writer
	indent int
	t      *tabwriter.Writer // the lines since the last flush
}

// field writes one line, nothing for an empty value.
func (s *sheet) field(label, value string) {
	if value == "" {
		return
	}
	if s.t == nil {
		s.t = tabwriter.NewWriter(s.w, 0, 8, 2, ' ', 0)
	}
	fmt.Fprintf(s.t, "%s%s:\t%s\n", strings.Repeat(" ", s.indent), label, printable(value))
}

// section writes a heading and what is below it.
func (s *sheet) section(title string, below func(s *sheet) error) error {
	if err := s.flush(); err != nil {
		return err
	}
	fmt.Fprintf(s.w, "%s%s:\n", strings.Repeat(" ", s.indent), printable(title))
	inner := &sheet{w: s.w, indent: s.indent + 2}
	if err := below(inner); err != nil {
		return err
	}
	return inner.flush()
}

func (s *sheet) flush() error {
	if s.t == nil {
		return nil
	}
	t := s.t
	s.t = nil
	return t.Flush()
}

// sheetTable writes a table within a sheet, "none" for an empty one.
func sheetTable[M any](s *sheet, columns []column[M], items []M) error {
	if err := s.flush(); err != nil {
		return err
	}
	margin := strings.Repeat(" ", s.indent)
	if len(items) == 0 {
		fmt.Fprintln(s.w, margin+"none")
		return nil
	}
	first := columns[0]
	first.title = margin + first.title
	inner := first.cell
	first.cell = func(m M) string { return margin + inner(m) }
	return writeTable(s.w, append([]column[M]{first}, columns[1:]...), items, true)
}

// message writes the set fields of a wire message, in words: lists of messages
// as sections, enums by their short names, certificates by what they say.
func (s *sheet) message(m protoreflect.Message) error {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		if err := s.value(f, m.Get(f)); err != nil {
			return err
		}
	}
	return s.flush()
}

func (s *sheet) value(f protoreflect.FieldDescriptor, v protoreflect.Value) error {
	label := labelOf(f)
	switch {
	case f.IsMap():
		return s.section(label, func(s *sheet) error {
			return s.settings(v.Map())
		})
	case f.IsList() && f.Kind() == protoreflect.MessageKind:
		for i := range v.List().Len() {
			if err := s.section(label, func(s *sheet) error { return s.message(v.List().Get(i).Message()) }); err != nil {
				return err
			}
		}
		return nil
	case f.IsList():
		var words []string
		for i := range v.List().Len() {
			words = append(words, scalar(f, v.List().Get(i)))
		}
		s.field(label, strings.Join(words, ", "))
	case f.Kind() == protoreflect.MessageKind:
		return s.section(label, func(s *sheet) error { return s.message(v.Message()) })
	case f.Name() == "certificate_pem":
		s.certificate(v.String())
	default:
		s.field(label, scalar(f, v))
	}
	return nil
}

func (s *sheet) settings(m protoreflect.Map) error {
	values := map[string]string{}
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		values[k.String()] = v.String()
		return true
	})
	for _, key := range sortedKeys(values) {
		s.field(printable(key), values[key])
	}
	return nil
}

func (s *sheet) certificate(text string) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		s.field("Certificate", "not readable")
		return
	}
	sum := sha256.Sum256(block.Bytes)
	if c, err := x509.ParseCertificate(block.Bytes); err == nil {
		s.field("Subject", c.Subject.String())
		s.field("Valid until", clock(c.NotAfter))
	}
	s.field("SHA-256", hex.EncodeToString(sum[:]))
}

// labelOf is a field's name in words: "Minimum length"; an element's name for a
// list of messages: "Pin".
func labelOf(f protoreflect.FieldDescriptor) string {
	words := strings.ReplaceAll(string(f.Name()), "_", " ")
	if f.IsList() && f.Kind() == protoreflect.MessageKind {
		words = strings.TrimSuffix(words, "s")
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

func scalar(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if f.Kind() == protoreflect.EnumKind {
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			return enumname.Short(d)
		}
	}
	if f.Kind() == protoreflect.BoolKind {
		return map[bool]string{true: "yes", false: "no"}[v.Bool()]
	}
	return v.String()
}
