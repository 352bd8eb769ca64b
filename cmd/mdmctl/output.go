package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// usualFormats are the output formats of most commands, the default first.
var usualFormats = []string{"table", "wide", "json", "yaml", "name"}

// column is one column of a table of Ms.
type column[M any] struct {
	title string
	wide  bool // in -o wide only
	cell  func(M) string
}

// view is how things of one kind are shown.
type view[M proto.Message] struct {
	kind    string // the singular noun, before the slash in -o name
	name    func(M) string
	columns []column[M]
	// document writes things as files for mdmctl apply; nil where there are none
	// of the kind.
	document func(items []M) error
}

// showList prints things as a list, in the asked format.
func showList[M proto.Message](a *app, v view[M], items []M) error {
	switch a.format {
	case "json", "yaml":
		list := struct {
			Items []json.RawMessage `json:"items"`
		}{[]json.RawMessage{}}
		for _, m := range items {
			raw, err := wireJSON(m)
			if err != nil {
				return err
			}
			list.Items = append(list.Items, raw)
		}
		return a.writeData(list)
	case "name":
		for _, m := range items {
			fmt.Fprintf(a.out, "%s/%s\n", v.kind, printable(v.name(m)))
		}
		return nil
	case "document":
		return v.document(items)
	}
	if len(items) == 0 {
		fmt.Fprintf(a.err, "none found\n")
		return nil
	}
	return writeTable(a.out, shown(v.columns, a.format == "wide"), items, !a.noHeaders)
}

// showOne prints one thing: as itself where the format is for programs.
func showOne[M proto.Message](a *app, v view[M], item M) error {
	if a.forPrograms() {
		return a.writeMessage(item)
	}
	return showList(a, v, []M{item})
}

// forPrograms reports whether the asked format is data, not text.
func (a *app) forPrograms() bool { return a.format == "json" || a.format == "yaml" }

func shown[M any](columns []column[M], wide bool) []column[M] {
	var out []column[M]
	for _, c := range columns {
		if wide || !c.wide {
			out = append(out, c)
		}
	}
	return out
}

// writeTable aligns; a cell without a value is a dash.
func writeTable[M any](w io.Writer, columns []column[M], items []M, headers bool) error {
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	if headers {
		titles := make([]string, len(columns))
		for i, c := range columns {
			titles[i] = c.title
		}
		fmt.Fprintln(t, strings.Join(titles, "\t"))
	}
	for _, m := range items {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = orDash(printable(c.cell(m)))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// writeMessage prints a wire message as data.
func (a *app) writeMessage(m proto.Message) error {
	raw, err := wireJSON(m)
	if err != nil {
		return err
	}
	return a.writeData(raw)
}

// wireJSON is the message as protojson, on one line. What cannot be seen is
// escaped, since strangers have a say in some texts: JSON allows it anywhere in a
// string, a terminal may act on it, and YAML would take some of it for the end
// of a line.
func wireJSON(m proto.Message) (json.RawMessage, error) {
	raw, err := protojson.Marshal(m)
	return visible(raw), err
}

// visible escapes what cannot be seen in the texts of JSON on one line.
func visible(raw []byte) json.RawMessage {
	if bytes.IndexFunc(raw, hidden) < 0 {
		return raw
	}
	var b bytes.Buffer
	for _, r := range string(raw) {
		// Above, JSON and YAML escape differently, and no terminal acts on any.
		if hidden(r) && r <= 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}

// writeData prints v, made of raw JSON, as indented JSON or as YAML.
func (a *app) writeData(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	if a.format != "yaml" {
		_, err := b.WriteTo(a.out)
		return err
	}
	return a.writeYAML(b.Bytes(), func(*yaml.Node) {})
}

// writeYAML prints JSON as YAML, after edit has changed what it likes.
func (a *app) writeYAML(data []byte, edit func(doc *yaml.Node)) error {
	// JSON is YAML already; without its quotes and braces it is pleasant YAML,
	// with the fields in the same order.
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return err
	}
	unquote(&doc)
	edit(doc.Content[0])
	y := yaml.NewEncoder(a.out)
	y.SetIndent(2)
	if err := y.Encode(&doc); err != nil {
		return err
	}
	return y.Close()
}

// writeLine prints v, made of raw JSON, on one line: for programs that read as a
// watch goes on.
func (a *app) writeLine(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// unquote lets the encoder choose the style of every node. Empty lists and
// mappings have no other than their brackets.
func unquote(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode || len(n.Content) > 0 {
		n.Style = 0
	}
	for _, child := range n.Content {
		unquote(child)
	}
}

// writeJSON prints v, whose texts strangers may have a say in, as data.
func (a *app) writeJSON(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.writeData(visible(raw))
}
