package accessrpc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "ringfence/proto/mdm/access/v1"
)

// TestWhatPhonesCanSay: a phone or an app says for whom it wants a statement, and
// nothing of itself or of the person. Whoever adds a field says in its comment why
// it names neither.
func TestWhatPhonesCanSay(t *testing.T) {
	want := map[string][]protoreflect.Name{"IssueAssertion": {"audience"}}
	got := map[string][]protoreflect.Name{}
	service := accessv1.File_mdm_access_v1_access_proto.Services().ByName("AccessDeviceService")
	for i := range service.Methods().Len() {
		m := service.Methods().Get(i)
		var fields []protoreflect.Name
		for j := range m.Input().Fields().Len() {
			f := m.Input().Fields().Get(j)
			fields = append(fields, f.Name())
			if f.Message() != nil || f.IsList() || f.IsMap() {
				t.Errorf("%s can hold more than one thing", f.FullName())
			}
		}
		got[string(m.Name())] = fields
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// TestSamplesNameNoAddress: what administrators are shown of past sign-ins has no
// field for what is not kept.
func TestSamplesNameNoAddress(t *testing.T) {
	var fields []protoreflect.Name
	d := (&accessv1.SampledSignIn{}).ProtoReflect().Descriptor().Fields()
	for i := range d.Len() {
		fields = append(fields, d.Get(i).Name())
	}
	if diff := cmp.Diff([]protoreflect.Name{"sign_in", "count", "last_at", "outcome", "would_be"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
