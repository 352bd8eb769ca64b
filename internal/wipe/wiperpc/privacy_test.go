package wiperpc_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "ringfence/proto/mdm/access/v1"
	_ "ringfence/proto/mdm/appprotect/v1"
	_ "ringfence/proto/mdm/audit/v1"
	_ "ringfence/proto/mdm/compliance/v1"
	_ "ringfence/proto/mdm/enroll/v1"
	_ "ringfence/proto/mdm/oauth/v1"
	_ "ringfence/proto/mdm/transmit/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestNoWiderScope: a scope is one of four, none of which reaches beyond the work
// side, and there is no fifth.
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
		{&wipev1.Scope{}, []string{"work_profile", "app_data", "relinquish", "lock"}},
		{&wipev1.WorkProfile{}, nil},
		{&wipev1.Relinquish{}, nil},
		{&wipev1.Lock{}, nil},
		{&wipev1.AppData{}, []string{"packages"}},
		{&wipev1.Lease{}, []string{"number", "lock_after", "wipe_after"}},
		{&wipev1.OrderToSign{}, []string{"order_id", "device_id", "epoch", "scope", "issued_at", "not_after", "sequence", "lease"}},
		{&wipev1.SignedOrder{}, []string{"order_id", "signed_data", "acknowledged"}},
		{&wipev1.FetchOrdersResponse{}, []string{"orders"}},
		{&wipev1.FetchLeaseResponse{}, []string{"order"}},
		{&wipev1.CreateWipeRequest{}, []string{"request_key", "device_id", "scope", "reason", "lifetime", "epoch", "plan_digest"}},
		{&wipev1.CreateWipesRequest{}, []string{"request_key", "target", "scope", "reason", "lifetime", "plan_digest"}},
		{&wipev1.WipeUserRequest{}, []string{"request_key", "user", "reason", "plan_digest"}},
		{&wipev1.SetLeaseRequest{}, []string{"request_key", "group", "lock_after", "wipe_after", "reason"}},
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
	if n := scope.Oneofs().Len(); n != 1 || scope.Oneofs().Get(0).Fields().Len() != 4 {
		t.Errorf("a scope is one of four things; the descriptor has %d choices", n)
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

// networkPlaces are the names that may say "location": they speak of places on the
// network that administrators describe, by addresses and countries, and of nothing
// that a phone could tell.
var networkPlaces = []string{
	"mdm.access.v1.AccessAdminService.ApplyLocation",
	"mdm.access.v1.AccessAdminService.DeleteLocation",
	"mdm.access.v1.AccessAdminService.GetLocation",
	"mdm.access.v1.ApplyLocationRequest",
	"mdm.access.v1.ApplyLocationResponse",
	"mdm.access.v1.ApplyLocationResponse.location",
	"mdm.access.v1.DeleteLocationRequest",
	"mdm.access.v1.DeleteLocationResponse",
	"mdm.access.v1.GetLocationRequest",
	"mdm.access.v1.GetLocationResponse",
	"mdm.access.v1.GetLocationResponse.location",
	"mdm.access.v1.Location",
	"mdm.access.v1.LocationDocument",
	"mdm.access.v1.LocationSpec",
}

// ofTheCompany are the names that may say "whole": what a phone of the company
// can be ordered to do, and nothing that a phone of a person gets to see.
var ofTheCompany = []string{
	"mdm.wipe.v1.CompanyDeviceAdminService.PlanWholeDevice",
	"mdm.wipe.v1.CompanyDeviceAdminService.WipeWholeDevice",
	"mdm.wipe.v1.CompanyDeviceService.FetchWholeDeviceOrders",
	"mdm.wipe.v1.FetchWholeDeviceOrdersRequest",
	"mdm.wipe.v1.FetchWholeDeviceOrdersResponse",
	"mdm.wipe.v1.Order.whole_device",
	"mdm.wipe.v1.PlanWholeDeviceRequest",
	"mdm.wipe.v1.PlanWholeDeviceResponse",
	"mdm.wipe.v1.SignedWholeDeviceOrder",
	"mdm.wipe.v1.WholeDevice",
	"mdm.wipe.v1.WholeDeviceOrderToSign",
	"mdm.wipe.v1.WipeWholeDeviceRequest",
	"mdm.wipe.v1.WipeWholeDeviceResponse",
}

// TestWireCannotAsk: what has no name on the wire cannot be asked for.
func TestWireCannotAsk(t *testing.T) {
	seen := map[string]bool{}
	found := map[string][]string{"serial": nil, "whole": nil, "location": nil}
	may := map[string][]string{"serial": certificateSerials, "whole": ofTheCompany, "location": networkPlaces}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(f.Package()), "mdm.") {
			return true
		}
		seen[strings.Split(string(f.Package()), ".")[1]] = true
		for name := range names(f) {
			for _, word := range words(string(name.Name())) {
				if slices.Contains(may[word], string(name)) {
					found[word] = append(found[word], string(name))
				} else if slices.Contains(unspeakable, word) {
					t.Errorf("%s says %q", name, word)
				}
			}
		}
		return true
	})
	for word, names := range found {
		if slices.Sort(names); !slices.Equal(names, may[word]) {
			t.Errorf("%q is said by %q, want %q", word, names, may[word])
		}
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
