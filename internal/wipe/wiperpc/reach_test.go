package wiperpc_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"ringfence/internal/device"
	_ "ringfence/proto/mdm/access/v1"
	_ "ringfence/proto/mdm/appprotect/v1"
	_ "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// everyPhone are the services that phones of persons speak to.
var everyPhone = []protoreflect.FullName{
	"mdm.access.v1.AccessDeviceService",
	"mdm.appprotect.v1.AppService",
	"mdm.compliance.v1.ComplianceService",
	"mdm.enroll.v1.EnrollmentService",
	"mdm.wipe.v1.WipeService",
}

// TestPersonalPhonesNeverSeeIt: nothing that a phone of a person can send or be
// sent holds what orders a whole device, however deep.
func TestPersonalPhonesNeverSeeIt(t *testing.T) {
	for _, name := range everyPhone {
		service := serviceOf(t, name)
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			for _, root := range []protoreflect.MessageDescriptor{m.Input(), m.Output()} {
				for reached := range reachable(root) {
					if slices.ContainsFunc(ofTheCompany, func(c string) bool { return c == string(reached) }) {
						t.Errorf("%s reaches %s", m.FullName(), reached)
					}
				}
			}
		}
	}
}

// TestEveryServiceOfPhones: a service that phones speak to is in the list above,
// or is the company's.
func TestEveryServiceOfPhones(t *testing.T) {
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			others := strings.HasSuffix(string(s.Name()), "AdminService") || slices.Contains([]protoreflect.FullName{
				"mdm.audit.v1.AuditService", "mdm.wipe.v1.WipeRequestService",
				// Gateways speak to it.
				"mdm.access.v1.AccessService",
			}, s.FullName())
			known := others || slices.Contains(everyPhone, s.FullName()) || s.FullName() == "mdm.wipe.v1.CompanyDeviceService"
			if strings.HasPrefix(string(s.FullName()), "mdm.") && !known {
				t.Errorf("%s: who speaks to it?", s.FullName())
			}
		}
		return true
	})
}

// TestNobodyEnrolsAnApp: the modes that a phone can be enrolled in are those of
// phones; a registration has another way, and another mode.
func TestNobodyEnrolsAnApp(t *testing.T) {
	modes := enrollv1.Mode(0).Descriptor().Values()
	for i := range modes.Len() {
		name := strings.TrimPrefix(string(modes.Get(i).Name()), "MODE_")
		mode := device.Mode(strings.ReplaceAll(strings.ToLower(name), "_", "-"))
		if none := modes.Get(i).Number() == 0; mode.Enrols() == none {
			t.Errorf("a phone can be enrolled in mode %q", mode)
		}
	}
	if device.AppAccount.Enrols() || modes.Len() != 4 {
		t.Errorf("there are %d modes on the wire", modes.Len())
	}
}

// TestReachable: the walk finds what is deep, or the tests above prove nothing.
func TestReachable(t *testing.T) {
	got := reachable((&wipev1.ListWipesResponse{}).ProtoReflect().Descriptor())
	for _, want := range []protoreflect.FullName{"mdm.wipe.v1.Order", "mdm.wipe.v1.WholeDevice", "mdm.wipe.v1.Order.whole_device", "mdm.wipe.v1.AppData"} {
		if !got[want] {
			t.Errorf("%s is not reached", want)
		}
	}
}

func serviceOf(t *testing.T, name protoreflect.FullName) protoreflect.ServiceDescriptor {
	t.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.ServiceDescriptor)
}

// reachable gives the full name of the message, of its fields, and of all that
// they hold.
func reachable(root protoreflect.MessageDescriptor) map[protoreflect.FullName]bool {
	all := map[protoreflect.FullName]bool{}
	var walk func(protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		if all[m.FullName()] {
			return
		}
		all[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			all[f.FullName()] = true
			if f.Message() != nil {
				walk(f.Message())
			}
		}
	}
	walk(root)
	return all
}
