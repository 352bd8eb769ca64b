package appprotectrpc

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"ringfence/internal/fault"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refused reports whether there was an error, which must name a field of the request.
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
	f.Add(marshal(f, fullSpec(new(testing.T))))
	f.Fuzz(func(t *testing.T, data []byte) {
		wire := &appprotectv1.AppPolicySpec{}
		if proto.Unmarshal(data, wire) != nil {
			return
		}
		spec, err := specFromWire(wire)
		if refused(t, err, "spec.") {
			return
		}
		again, err := specFromWire(specToWire(spec))
		if err != nil || !again.Equal(spec) {
			t.Fatalf("%+v comes back as %+v, %v", spec, again, err)
		}
	})
}

func FuzzApp(f *testing.F) {
	f.Add(marshal(f, fullApp().GetSpec()))
	f.Fuzz(func(t *testing.T, data []byte) {
		wire := &appprotectv1.AppSpec{}
		if proto.Unmarshal(data, wire) != nil {
			return
		}
		app, err := appFromWire(pkg, wire)
		if refused(t, err, "spec.schema[") {
			return
		}
		shown := appToWire(app).GetSpec()
		again, err := appFromWire(pkg, shown)
		if err != nil || !proto.Equal(appToWire(again).GetSpec(), shown) {
			t.Fatalf("%v comes back as another, %v", shown, err)
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add(marshal(f, fullReport()))
	f.Fuzz(func(t *testing.T, data []byte) {
		wire := &appprotectv1.Report{}
		if proto.Unmarshal(data, wire) != nil {
			return
		}
		r, err := reportFromWire(wire)
		if refused(t, err, "report.") {
			return
		}
		_ = r.Validate()
	})
}

func FuzzSelfWipe(f *testing.F) {
	f.Add(marshal(f, fullSelfWipe()))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := selfWipeFromWire(&appprotectv1.SignedSelfWipe{Content: data, Signature: []byte("s")}, nil)
		if refused(t, err, "self_wipe.") {
			return
		}
		if w.FinishedAt.IsZero() || string(w.Content) != string(data) {
			t.Fatalf("got %+v", w)
		}
	})
}
