package main

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// privacyPage lists every field a phone, or an app on it, can send: what is not on
// this page cannot reach the server.
func privacyPage(files []protoreflect.FileDescriptor) string {
	var b strings.Builder
	b.WriteString("<!-- Generated from proto/ by make generate. Do not edit. -->\n\n# What your phone can tell this server\n\n" +
		"This is the whole list. It is generated from the messages that a phone, or a work account in an app on it, can send;\n" +
		"a thing that is not on it has no field, so neither a curious administrator nor a changed setting can ask for it.\n" +
		"There is no field for personal apps or files, location, phone number, call or message history, browsing, IMEI or\n" +
		"serial number.\n\n" +
		"Beside these the server sees the network address a connection comes from, and when it was made. An ID token, with\n" +
		"which a work account signs in, holds what the company's own sign-in service says of the account.\n")
	for _, f := range files {
		for i := range f.Services().Len() {
			heard(&b, f.Services().Get(i))
		}
	}
	return b.String()
}

// heard lists what a service hears from phones; nothing where it hears nothing.
func heard(b *strings.Builder, s protoreflect.ServiceDescriptor) {
	var calls strings.Builder
	for i := range s.Methods().Len() {
		if m := s.Methods().Get(i); spokenByDevices(m) {
			sent(&calls, m)
		}
	}
	if calls.Len() > 0 {
		fmt.Fprintf(b, "\n## %s\n\n%s\n%s", s.Name(), opening(s), calls.String())
	}
}

// opening is the first paragraph of a comment, up to its last whole sentence.
func opening(d protoreflect.Descriptor) string {
	first := paragraphs(comment(d))[0]
	if end := strings.LastIndex(first, ". "); end >= 0 && !strings.HasSuffix(first, ".") {
		return first[:end+1]
	}
	return first
}

// spokenByDevices reports whether a call is made by phones.
func spokenByDevices(m protoreflect.MethodDescriptor) bool {
	ps := paragraphs(comment(m))
	caller := ps[len(ps)-1]
	return !strings.Contains(caller, "administrator")
}

func sent(b *strings.Builder, m protoreflect.MethodDescriptor) {
	rows := fields(m.Input(), "", 0)
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n| Field | What it is |\n|---|---|\n", m.Name(), opening(m))
	for _, r := range rows {
		fmt.Fprintf(b, "| `%s` | %s |\n", r.path, r.what)
	}
}

type row struct{ path, what string }

// fields walks a message; ten levels are more than any message has.
func fields(m protoreflect.MessageDescriptor, prefix string, depth int) []row {
	var rows []row
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		path := prefix + string(f.Name())
		if f.IsList() {
			path += "[]"
		}
		rows = append(rows, row{path, describe(f)})
		if inner := within(f); inner != nil && depth < 10 {
			rows = append(rows, fields(inner, path+".", depth+1)...)
		}
	}
	return rows
}

// serialised is how the comment of octets says what message they hold.
var serialised = regexp.MustCompile(`\bserialised ([A-Z]\w+)`)

// within is the message that a field holds, also as octets that were signed; nil
// for any other field.
func within(f protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	switch f.Kind() {
	case protoreflect.MessageKind:
		if strings.HasPrefix(string(f.Message().FullName()), "mdm.") {
			return f.Message()
		}
	case protoreflect.BytesKind:
		if name := serialised.FindStringSubmatch(comment(f)); name != nil {
			return f.ParentFile().Messages().ByName(protoreflect.Name(name[1]))
		}
	}
	return nil
}

// describe is the field's own comment and that of its type, or else its name.
func describe(f protoreflect.FieldDescriptor) string {
	text := strings.Join(paragraphs(comment(f)), " ")
	switch f.Kind() {
	case protoreflect.MessageKind:
		if strings.HasPrefix(string(f.Message().FullName()), "mdm.") {
			text = strings.TrimSpace(text + " " + paragraphs(comment(f.Message()))[0])
		}
	case protoreflect.EnumKind:
		text = strings.TrimSpace(text + " " + paragraphs(comment(f.Enum()))[0])
	}
	if text == "" {
		text = strings.ReplaceAll(string(f.Name()), "_", " ")
	}
	return text
}
