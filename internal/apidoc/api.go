package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// apiPage tells every call in the words of its proto comment.
func apiPage(files []protoreflect.FileDescriptor) string {
	var b strings.Builder
	b.WriteString("<!-- Generated from proto/ by make generate. Do not edit. -->\n\n# The API, call by call\n\n" +
		"Devices speak to the device listener, administrators to the admin listener; both are gRPC over TLS 1.3.\n" +
		"Every refusal is a gRPC status. `INVALID_ARGUMENT` carries `google.rpc.BadRequest` naming each field; where a\n" +
		"program must act, `google.rpc.ErrorInfo` carries the reason (domain `ringfence`). Beside the errors listed, every\n" +
		"call may answer `UNAUTHENTICATED` (reasons `CERTIFICATE_REQUIRED`, `CERTIFICATE_UNKNOWN`, `CERTIFICATE_SUPERSEDED`,\n" +
		"`ENROLLMENT_ENDED`), `PERMISSION_DENIED`, `RESOURCE_EXHAUSTED` and `INTERNAL` (with the request id, and nothing else).\n")
	for _, f := range files {
		for i := range f.Services().Len() {
			service(&b, f.Services().Get(i))
		}
	}
	return b.String()
}

func service(b *strings.Builder, s protoreflect.ServiceDescriptor) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", s.FullName(), strings.Join(paragraphs(comment(s)), "\n\n"))
	for i := range s.Methods().Len() {
		method(b, s.Methods().Get(i))
	}
}

// method prints the comment; its "Errors:" and "Caller:" paragraphs as rows.
func method(b *strings.Builder, m protoreflect.MethodDescriptor) {
	fmt.Fprintf(b, "\n### %s\n\n", m.Name())
	var errors, caller string
	for _, p := range paragraphs(comment(m)) {
		switch {
		case strings.HasPrefix(p, "Errors: "):
			errors = strings.TrimPrefix(p, "Errors: ")
		case strings.HasPrefix(p, "Caller: "):
			caller = strings.TrimPrefix(p, "Caller: ")
		default:
			fmt.Fprintf(b, "%s\n\n", p)
		}
	}
	answer := "`" + string(m.Output().Name()) + "`"
	if m.IsStreamingServer() {
		answer = "stream of " + answer
	}
	fmt.Fprintf(b, "| | |\n|---|---|\n| Request | `%s` |\n| Answer | %s |\n| Caller | %s |\n| Errors | %s |\n",
		m.Input().Name(), answer, caller, errors)
}
