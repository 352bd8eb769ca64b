package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// privacyPage lists every field a phone can send: what is not on this page
// cannot reach the server.
func privacyPage(files []protoreflect.FileDescriptor) string {
	var b strings.Builder
	b.WriteString("<!-- Generated from proto/ by make generate. Do not edit. -->\n\n# What your phone can tell this server\n\n" +
		"This is the whole list. It is generated from the messages a phone can send; a thing that is not on it has no field,\n" +
		"so neither a curious administrator nor a changed setting can ask for it. There is no field for personal apps or\n" +
		"files, location, phone number, call or message history, browsing, IMEI or serial number.\n\n" +
		"Beside these the server sees the network address a connection comes from, and when it was made.\n")
	for _, f := range files {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				if m := s.Methods().Get(j); spokenByDevices(m) {
					sent(&b, m)
				}
			}
		}
	}
	return b.String()
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
	first := paragraphs(comment(m))[0]
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| Field | What it is |\n|---|---|\n", m.Name(), first)
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
		own := f.Kind() == protoreflect.MessageKind && strings.HasPrefix(string(f.Message().FullName()), "mdm.")
		if own && depth < 10 {
			rows = append(rows, fields(f.Message(), path+".", depth+1)...)
		}
	}
	return rows
}

// describe is the field's own comment, or that of its type.
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
	return text
}
