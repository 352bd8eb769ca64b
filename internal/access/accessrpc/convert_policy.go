package accessrpc

import (
	"slices"

	"ringfence/internal/access"
	"ringfence/internal/device"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// unknown is how the wire writes the ownership and the mode of what is not known.
// The slice's word for it is empty.
const unknown = "unknown"

func policyToWire(p access.Policy) *accessv1.AccessPolicy {
	return &accessv1.AccessPolicy{
		Name: p.Name, Revision: p.Revision, Spec: specToWire(p.Spec),
		CreatedAt: timeToWire(p.CreatedAt), RevisedAt: timeToWire(p.RevisedAt), RevisedBy: p.RevisedBy,
	}
}

// specFromWire shares nothing with the request. Errors are Invalid and name the
// field; what a spec must be like otherwise is the slice's to say.
func specFromWire(w *accessv1.AccessPolicySpec) (access.Spec, error) {
	s := access.Spec{
		Description:   w.GetDescription(),
		State:         word[access.State](w.GetState()),
		IncludePeople: peopleFromWire(w.GetIncludePeople()),
		ExcludePeople: peopleFromWire(w.GetExcludePeople()),
		Apps: access.Apps{
			All: w.GetApps().GetAll(), Include: slices.Clone(w.GetApps().GetInclude()), Exclude: slices.Clone(w.GetApps().GetExclude()),
		},
		Actions:    each(w.GetActions(), word[access.Action]),
		Conditions: conditionsFromWire(w.GetConditions()),
		Grant: access.Grant{
			Operator: word[access.Operator](w.GetGrant().GetOperator()),
			Controls: each(w.GetGrant().GetControls(), word[access.Control]),
		},
		Session: access.Session{EverySignIn: w.GetSession().GetEverySignIn(), Labels: slices.Clone(w.GetSession().GetLabels())},
	}
	if s.Grant.Operator == 0 && len(s.Grant.Controls) > 1 {
		s.Grant.Operator = access.AllOf
	}
	var err error
	if s.Session.SignInFrequency, err = limitFromWire(w.GetSession().GetSignInFrequency(), "spec.session.sign_in_frequency"); err != nil {
		return access.Spec{}, err
	}
	if s.MaxAge.Compliance, err = limitFromWire(w.GetMaxAge().GetCompliance(), "spec.max_age.compliance"); err != nil {
		return access.Spec{}, err
	}
	if s.MaxAge.Registration, err = limitFromWire(w.GetMaxAge().GetRegistration(), "spec.max_age.registration"); err != nil {
		return access.Spec{}, err
	}
	return s, nil
}

// specToWire leaves out what says nothing.
func specToWire(s access.Spec) *accessv1.AccessPolicySpec {
	w := &accessv1.AccessPolicySpec{
		Description:   s.Description,
		State:         wire[accessv1.PolicyState](s.State),
		IncludePeople: peopleToWire(s.IncludePeople),
		ExcludePeople: peopleToWire(s.ExcludePeople),
		Actions:       each(s.Actions, wire[accessv1.UserAction]),
		Conditions:    conditionsToWire(s.Conditions),
		Session:       sessionToWire(s.Session),
	}
	if a := s.Apps; a.All || len(a.Include)+len(a.Exclude) > 0 {
		w.Apps = &accessv1.Apps{All: a.All, Include: a.Include, Exclude: a.Exclude}
	}
	if g := s.Grant; len(g.Controls) > 0 || g.Operator != 0 {
		w.Grant = &accessv1.Grant{Operator: wire[accessv1.Operator](g.Operator), Controls: each(g.Controls, wire[accessv1.Control])}
	}
	if m := s.MaxAge; m != (access.MaxAge{}) {
		w.MaxAge = &accessv1.MaxAge{Compliance: spanToWire(m.Compliance), Registration: spanToWire(m.Registration)}
	}
	return w
}

func peopleFromWire(p *accessv1.People) access.People {
	return access.People{
		Everyone: p.GetEveryone(), Users: slices.Clone(p.GetUsers()), Groups: slices.Clone(p.GetGroups()), Roles: slices.Clone(p.GetRoles()),
	}
}

// peopleToWire leaves nobody out.
func peopleToWire(p access.People) *accessv1.People {
	if !p.Everyone && len(p.Users)+len(p.Groups)+len(p.Roles) == 0 {
		return nil
	}
	return &accessv1.People{Everyone: p.Everyone, Users: p.Users, Groups: p.Groups, Roles: p.Roles}
}

func conditionsFromWire(w *accessv1.Conditions) access.Conditions {
	return access.Conditions{
		IncludePlatforms: each(w.GetIncludePlatforms(), word[access.Platform]),
		ExcludePlatforms: each(w.GetExcludePlatforms(), word[access.Platform]),
		Clients:          each(w.GetClients(), word[access.ClientApp]),
		IncludeLocations: placesFromWire(w.GetIncludeLocations()),
		ExcludeLocations: placesFromWire(w.GetExcludeLocations()),
		DeviceFilter:     access.DeviceFilter{Rule: w.GetDeviceFilter().GetRule(), Exclude: w.GetDeviceFilter().GetExclude()},
		Custom:           w.GetCustom(),
		SignInRisks:      each(w.GetSignInRisks(), word[access.Risk]),
		UserRisks:        each(w.GetUserRisks(), word[access.Risk]),
		Ownerships:       each(w.GetOwnerships(), wordFromWire[device.Ownership]),
		Modes:            each(w.GetModes(), wordFromWire[device.Mode]),
		Flows:            each(w.GetFlows(), word[access.Flow]),
	}
}

// conditionsToWire leaves none out.
func conditionsToWire(c access.Conditions) *accessv1.Conditions {
	w := &accessv1.Conditions{
		IncludePlatforms: each(c.IncludePlatforms, wire[accessv1.Platform]),
		ExcludePlatforms: each(c.ExcludePlatforms, wire[accessv1.Platform]),
		Clients:          each(c.Clients, wire[accessv1.ClientApp]),
		IncludeLocations: placesToWire(c.IncludeLocations),
		ExcludeLocations: placesToWire(c.ExcludeLocations),
		Custom:           c.Custom,
		SignInRisks:      each(c.SignInRisks, wire[accessv1.Risk]),
		UserRisks:        each(c.UserRisks, wire[accessv1.Risk]),
		Ownerships:       each(c.Ownerships, wordToWire[device.Ownership]),
		Modes:            each(c.Modes, wordToWire[device.Mode]),
		Flows:            each(c.Flows, wire[accessv1.Flow]),
	}
	if f := c.DeviceFilter; f != (access.DeviceFilter{}) {
		w.DeviceFilter = &accessv1.DeviceFilter{Rule: f.Rule, Exclude: f.Exclude}
	}
	lists := len(w.IncludePlatforms) + len(w.ExcludePlatforms) + len(w.Clients) + len(w.SignInRisks) + len(w.UserRisks) +
		len(w.Ownerships) + len(w.Modes) + len(w.Flows)
	if lists == 0 && w.IncludeLocations == nil && w.ExcludeLocations == nil && w.DeviceFilter == nil && w.Custom == "" {
		return nil
	}
	return w
}

// wordFromWire reads an ownership or a mode. The empty text is none, and stays
// none: the slice has a meaning for it, which nobody wrote.
func wordFromWire[W ~string](text string) W {
	switch text {
	case unknown:
		return ""
	case "":
		return "none"
	default:
		return W(text)
	}
}

func wordToWire[W ~string](w W) string {
	if w == "" {
		return unknown
	}
	return string(w)
}

func placesFromWire(p *accessv1.Places) access.Places {
	return access.Places{Trusted: p.GetTrusted(), Names: slices.Clone(p.GetNames())}
}

func placesToWire(p access.Places) *accessv1.Places {
	if !p.Trusted && len(p.Names) == 0 {
		return nil
	}
	return &accessv1.Places{Trusted: p.Trusted, Names: p.Names}
}

func sessionToWire(s access.Session) *accessv1.Session {
	if !s.EverySignIn && s.SignInFrequency == 0 && len(s.Labels) == 0 {
		return nil
	}
	return &accessv1.Session{EverySignIn: s.EverySignIn, SignInFrequency: spanToWire(s.SignInFrequency), Labels: s.Labels}
}
