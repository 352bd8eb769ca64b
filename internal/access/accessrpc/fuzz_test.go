package accessrpc

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// refused reports whether there was an error, which must name a field below that
// one.
func refused(t *testing.T, err error, field string) bool {
	t.Helper()
	if err == nil {
		return false
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || !strings.HasPrefix(f.Fields[0].Name, field) {
		t.Fatalf("got error %v, want one about a part of %s", err, field)
	}
	return true
}

// FuzzSpec: what is read can be shown, and what is shown is read as the same.
func FuzzSpec(f *testing.F) {
	raw, err := proto.Marshal(specToWire(compliantPhones))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &accessv1.AccessPolicySpec{}
		if proto.Unmarshal(data, w) != nil {
			return
		}
		spec, err := specFromWire(w)
		if refused(t, err, "spec.") {
			return
		}
		again, err := specFromWire(specToWire(spec))
		if diff := cmp.Diff(spec, again); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// FuzzQuestion: whatever a door sends is read or refused with its field.
func FuzzQuestion(f *testing.F) {
	raw, err := proto.Marshal(fullSignIn(new(testing.T)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &accessv1.SignIn{}
		if proto.Unmarshal(data, w) != nil {
			return
		}
		q, err := questionFromWire(w, "sign_in")
		if refused(t, err, "sign_in.") {
			return
		}
		again, err := questionFromWire(w, "sign_in")
		if diff := cmp.Diff(q, again, cmpopts.EquateComparable(netip.Addr{})); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}
