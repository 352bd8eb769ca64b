package appprotectrpc

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// said is everything that an app can say: the fields of every message that
// AppService takes, and of what an app signs. Whoever adds a line says in the
// comment of the field why it names neither the phone nor anything of the person's.
var said = map[string]string{
	"BeginRegistrationRequest": "package",
	"RegisterRequest":          "challenge id_token certificate_request app device_tag level",
	"AppIdentity":              "package signer_sha256 app_version sdk_version",
	"RenewRequest":             "certificate_request",
	"CheckInRequest":           "number report known_revision",
	"Report": "observed_at applied_revision app_version sdk_version agent_version agent_update_waits os_version security_patch " +
		"manufacturer model lock root_signals integrity app_scan knox defender third_party pin_set pin_failures pending_wipes done_wipes unsynced_changes",
	"RootSignals":      "rooted bootloader_unlocked rom_modified",
	"IntegrityVerdict": "verdict evaluation at",
	"WatchRequest":     "",
	"LeaveRequest":     "signed_out self_wipe",
	"SignedOut":        "",
	"SignedSelfWipe":   "content signature",
	"SelfWipe":         "format registration_id epoch cause lease_number policy_revision finished_at files_removed bytes_removed",
}

// TestWhatAppsCanSay: there is no field for anything else.
func TestWhatAppsCanSay(t *testing.T) {
	got := map[string]string{}
	var visit func(m protoreflect.MessageDescriptor)
	visit = func(m protoreflect.MessageDescriptor) {
		name := string(m.Name())
		if _, seen := got[name]; seen || m.ParentFile().Package() != "mdm.appprotect.v1" {
			return
		}
		var fields []string
		got[name] = ""
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			fields = append(fields, string(f.Name()))
			if f.IsMap() {
				t.Errorf("%s can hold any key", f.FullName())
			}
			if inner := f.Message(); inner != nil {
				visit(inner)
				if p := string(inner.FullName()); !strings.HasPrefix(p, "mdm.appprotect.v1.") &&
					p != "google.protobuf.Timestamp" && p != "google.protobuf.Duration" {
					t.Errorf("%s is a %s", f.FullName(), p)
				}
			}
		}
		got[name] = strings.Join(fields, " ")
		if m.ExtensionRanges().Len() > 0 {
			t.Errorf("%s can be extended", m.FullName())
		}
	}
	service := appprotectv1.File_mdm_appprotect_v1_app_proto.Services().ByName("AppService")
	for i := range service.Methods().Len() {
		visit(service.Methods().Get(i).Input())
	}
	visit((&appprotectv1.SelfWipe{}).ProtoReflect().Descriptor())
	if diff := cmp.Diff(said, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// unspeakable are words that no field of an app may have: what names a phone or
// its place, or is the person's.
var unspeakable = []string{
	"imei", "meid", "imsi", "iccid", "serial", "mac", "address", "android", "advertising", "location", "latitude", "longitude", "gps",
	"wifi", "ssid", "bluetooth", "sms", "call", "calls", "phone", "photo", "photos", "contacts", "browsing",
	"apps", "installed", "name", "email", "pin", "secret", "password",
}

// TestAppsCannotName: and none that is there is called so. A PIN is only set or
// not, and wrong so many times.
func TestAppsCannotName(t *testing.T) {
	for message, fields := range said {
		for _, field := range strings.Fields(fields) {
			if field == "pin_set" || field == "pin_failures" {
				continue
			}
			for _, word := range strings.Split(field, "_") {
				if slices.Contains(unspeakable, word) {
					t.Errorf("%s.%s says %q", message, field, word)
				}
			}
		}
	}
}
