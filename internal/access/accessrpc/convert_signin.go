package accessrpc

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// maxAttributes is how many attributes one thing may have in a door's own words.
const maxAttributes = 128

// questionFromWire shares nothing with the request. Errors are Invalid and name
// what is below field.
func questionFromWire(w *accessv1.SignIn, field string) (access.Question, error) {
	q := access.Question{SignIn: access.SignIn{
		Person:           access.Person{Name: w.GetUser(), Groups: slices.Clone(w.GetGroups()), Roles: slices.Clone(w.GetRoles())},
		App:              w.GetApp(),
		Action:           word[access.Action](w.GetAction()),
		Platform:         word[access.Platform](w.GetPlatform()),
		Client:           word[access.ClientApp](w.GetClient()),
		Country:          strings.ToUpper(w.GetCountry()),
		SignInRisk:       word[access.Risk](w.GetSignInRisk()),
		UserRisk:         word[access.Risk](w.GetUserRisk()),
		Flow:             word[access.Flow](w.GetFlow()),
		MFA:              w.GetMfa(),
		CertificateBound: w.GetCertificateBound(),
	}}
	var err error
	if q.SignIn.Address, err = addressFromWire(w.GetAddress(), field+".address"); err != nil {
		return access.Question{}, err
	}
	if q.Device, err = idFromWire(w.GetDeviceId(), field+".device_id"); err != nil {
		return access.Question{}, err
	}
	if q.Registration, err = idFromWire(w.GetRegistrationId(), field+".registration_id"); err != nil {
		return access.Question{}, err
	}
	q.SignIn.Request, err = requestFromWire(w.GetOperation(), field+".operation")
	return q, err
}

// addressFromWire gives no address for "".
func addressFromWire(text, field string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, fault.InvalidField(field, "is not an IP address")
	}
	return address, nil
}

func requestFromWire(w *accessv1.Operation, field string) (*access.Request, error) {
	if w == nil {
		return nil, nil
	}
	r := &access.Request{Action: w.GetAction(), ResourceType: w.GetResourceType(), ResourceID: w.GetResourceId()}
	for _, part := range []struct {
		to   *map[string]any
		from *structpb.Struct
		name string
	}{
		{&r.Subject, w.GetSubject(), ".subject"},
		{&r.ActionAttributes, w.GetActionProperties(), ".action_properties"},
		{&r.Resource, w.GetResource(), ".resource"},
		{&r.Context, w.GetContext(), ".context"},
	} {
		var err error
		if *part.to, err = attributesFromWire(part.from, field+part.name); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// attributesFromWire takes texts, numbers, true and false.
func attributesFromWire(s *structpb.Struct, field string) (map[string]any, error) {
	if len(s.GetFields()) == 0 {
		return nil, nil
	}
	if len(s.GetFields()) > maxAttributes {
		return nil, fault.InvalidField(field, "must have at most %d attributes", maxAttributes)
	}
	attributes := make(map[string]any, len(s.GetFields()))
	for _, name := range slices.Sorted(maps.Keys(s.GetFields())) {
		switch is := s.GetFields()[name].GetKind().(type) {
		case *structpb.Value_StringValue:
			attributes[name] = is.StringValue
		case *structpb.Value_BoolValue:
			attributes[name] = is.BoolValue
		case *structpb.Value_NumberValue:
			if math.IsNaN(is.NumberValue) || math.IsInf(is.NumberValue, 0) {
				return nil, fault.InvalidField(field+"."+name, "is no number")
			}
			attributes[name] = is.NumberValue
		default:
			return nil, fault.InvalidField(field+"."+name, "must be a text, a number, true or false")
		}
	}
	return attributes, nil
}

// sampleToWire shows a sign-in as it is kept: without what the door said in its
// own words, and of its address the network.
func sampleToWire(s access.Sample) *accessv1.SignIn {
	in := s.SignIn
	w := &accessv1.SignIn{
		User: in.Person.Name, Groups: in.Person.Groups, Roles: in.Person.Roles,
		App: in.App, Action: wire[accessv1.UserAction](in.Action),
		Platform: wire[accessv1.Platform](in.Platform), Client: wire[accessv1.ClientApp](in.Client), Country: in.Country,
		SignInRisk: wire[accessv1.Risk](in.SignInRisk), UserRisk: wire[accessv1.Risk](in.UserRisk), Flow: wire[accessv1.Flow](in.Flow),
		Mfa: in.MFA, CertificateBound: in.CertificateBound,
	}
	if s.Network.IsValid() {
		w.Address = s.Network.String()
	}
	if d := s.Facts.Device; d != nil {
		w.DeviceId = string(d.ID)
	}
	if r := s.Facts.Registration; r != nil {
		w.RegistrationId = string(r.ID)
	}
	return w
}

// identified gives the ids that a question asks about.
func identified(q access.Question) []device.ID {
	var ids []device.ID
	for _, id := range []device.ID{q.Device, q.Registration} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}
