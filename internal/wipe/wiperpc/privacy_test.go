package wiperpc_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "ringfence/proto/mdm/audit/v1"
	_ "ringfence/proto/mdm/compliance/v1"
	_ "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestNoWiderScope: the wire can say "the work profile" and "the work data of
// these apps", and there is no third thing it can say.
func TestNoWiderScope(t *testing.T) {
	fields := func(m protoreflect.Message) (names []string) {
		for i := range m.Descriptor().Fields().Len() {
			names = append(names, string(m.Descriptor().Fields().Get(i).Name()))
		}
		return names
	}
	for _, tt := range []struct {
		message protoreflect.ProtoMessage
		want    []string
	}{
		{&wipev1.Scope{}, []string{"work_profile", "app_data"}},
		{&wipev1.WorkProfile{}, nil},
		{&wipev1.AppData{}, []string{"packages"}},
		{&wipev1.OrderToSign{}, []string{"order_id", "device_id", "epoch", "scope", "issued_at", "not_after", "sequence"}},
		{&wipev1.SignedOrder{}, []string{"order_id", "signed_data", "acknowledged"}},
		{&wipev1.CreateWipeRequest{}, []string{"request_key", "device_id", "scope", "reason", "lifetime", "epoch"}},
	} {
		m := tt.message.ProtoReflect()
		if got := fields(m); !slices.Equal(got, tt.want) {
			t.Errorf("%s has fields %q, want %q", m.Descriptor().FullName(), got, tt.want)
		}
		if n := m.Descriptor().ExtensionRanges().Len(); n != 0 {
			t.Errorf("%s can be extended", m.Descriptor().FullName())
		}
	}
	scope := (&wipev1.Scope{}).ProtoReflect().Descriptor()
	if n := scope.Oneofs().Len(); n != 1 || scope.Oneofs().Get(0).Fields().Len() != 2 {
		t.Errorf("a scope is one of two things; the descriptor has %d choices", n)
	}
}

// unspeakable are words that no name on the wire may hold: what would reach
// beyond the work side, or name what is the person's.
var unspeakable = []string{
	"factory", "reset", "whole", "erase", "imei", "meid", "imsi", "iccid", "serial", "location", "latitude", "longitude",
	"gps", "sms", "photo", "photos", "contacts", "browsing", "call", "calls", "phone", "mac", "wifi", "bluetooth",
}

// certificateSerials are the names that may say "serial": they speak of
// certificates, which the server itself numbers.
var certificateSerials = []string{
	"mdm.compliance.v1.Certificate.serial",
	"mdm.compliance.v1.InstalledCertificate.serial",
	"mdm.compliance.v1.RevokeCertificateRequest.serial",
	"mdm.enroll.v1.Device.certificate_serial",
}

// TestWireCannotAsk: what has no name on the wire cannot be asked for.
func TestWireCannotAsk(t *testing.T) {
	seen := map[string]bool{}
	var serials []string
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(f.Package()), "mdm.") {
			return true
		}
		seen[strings.Split(string(f.Package()), ".")[1]] = true
		for name := range names(f) {
			for _, word := range words(string(name.Name())) {
				if word == "serial" && slices.Contains(certificateSerials, string(name)) {
					serials = append(serials, string(name))
				} else if slices.Contains(unspeakable, word) {
					t.Errorf("%s says %q", name, word)
				}
			}
		}
		return true
	})
	if slices.Sort(serials); !slices.Equal(serials, certificateSerials) {
		t.Errorf("found certificate serials %q, want %q", serials, certificateSerials)
	}
	folders, err := filepath.Glob("../../../proto/mdm/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no slices found on the wire: %v", err)
	}
	for _, folder := range folders {
		if info, err := os.Stat(folder); err == nil && info.IsDir() && !seen[filepath.Base(folder)] {
			t.Errorf("%s is not looked at: import its package in this test", folder)
		}
	}
}

// names gives the full name of everything declared in a file.
func names(f protoreflect.FileDescriptor) map[protoreflect.FullName]bool {
	all := map[protoreflect.FullName]bool{}
	add := func(d protoreflect.Descriptor) { all[d.FullName()] = true }
	enums := func(list protoreflect.EnumDescriptors) {
		for i := range list.Len() {
			add(list.Get(i))
			for j := range list.Get(i).Values().Len() {
				add(list.Get(i).Values().Get(j))
			}
		}
	}
	var messages func(protoreflect.MessageDescriptors)
	messages = func(list protoreflect.MessageDescriptors) {
		for i := range list.Len() {
			m := list.Get(i)
			add(m)
			for j := range m.Fields().Len() {
				add(m.Fields().Get(j))
			}
			for j := range m.Oneofs().Len() {
				add(m.Oneofs().Get(j))
			}
			enums(m.Enums())
			messages(m.Messages())
		}
	}
	enums(f.Enums())
	messages(f.Messages())
	for i := range f.Services().Len() {
		s := f.Services().Get(i)
		add(s)
		for j := range s.Methods().Len() {
			add(s.Methods().Get(j))
		}
	}
	return all
}

// words cuts snake_case, UPPER_CASE and CamelCase names into lower-case words.
func words(name string) []string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' && strings.ToUpper(name) != name {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.Split(strings.ToLower(b.String()), "_")
}

func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"serial_number": "serial number", "STATE_FACTORY_RESET": "state factory reset", "WholeDevice": "whole device", "imei": "imei",
	} {
		if got := strings.Join(words(name), " "); got != want {
			t.Errorf("words(%q) = %q, want %q", name, got, want)
		}
	}
}
