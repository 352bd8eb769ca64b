package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/enumname"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

func (a *app) appPolicySheet(s *sheet, m *appprotectv1.AppPolicy) error {
	now, spec := a.now(), m.GetSpec()
	s.field("App policy", m.GetName())
	s.field("Revision", strconv.FormatUint(m.GetRevision(), 10))
	s.field("Revised", moment(m.GetRevisedAt(), now)+" by "+m.GetRevisedBy())
	s.field("Created", moment(m.GetCreatedAt(), now))
	s.field("Description", spec.GetDescription())
	for _, app := range spec.GetTarget().GetApps() {
		s.field("For", app.GetPackage()+" signed by "+strings.Join(app.GetSignerSha256(), ", "))
	}
	for _, group := range spec.GetTarget().GetAppGroups() {
		s.field("For", "app group "+group)
	}
	everybody(s, "Of", spec.GetTarget().GetInclude())
	everybody(s, "Not of", spec.GetTarget().GetExclude())
	s.field("Levels", levels(spec.GetTarget()))
	if spec.GetFallback() {
		s.field("Fallback", "only for whom no other policy is")
	}
	return s.section("Settings", func(s *sheet) error {
		values(s, "", spec.GetSettings())
		values(s, "config.values.", spec.GetConfig().GetValues())
		for _, key := range sortedKeys(spec.GetConfig().GetCustom()) {
			s.field("config.custom."+printable(key), spec.GetConfig().GetCustom()[key])
		}
		for _, name := range sortedKeys(spec.GetConfig().GetPermissions()) {
			s.field("config.permissions."+printable(name), spec.GetConfig().GetPermissions()[name])
		}
		if c := spec.GetConfig(); c != nil && c.ConnectedApps != nil {
			s.field("config.connected_apps", strconv.FormatBool(c.GetConnectedApps()))
		}
		return nil
	})
}

// everybody names everyone in an audience.
func everybody(s *sheet, label string, m *appprotectv1.Audience) {
	if m.GetEveryone() {
		s.field(label, "everyone")
	}
	for _, group := range m.GetGroups() {
		s.field(label, "group "+group)
	}
	for _, user := range m.GetUsers() {
		s.field(label, "user "+user)
	}
}

func values(s *sheet, prefix string, m map[string]*structpb.Value) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		s.field(prefix+printable(key), valueWords(m[key]))
	}
}

// valueWords says a value on one line.
func valueWords(v *structpb.Value) string {
	switch is := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return orDash(is.StringValue)
	case *structpb.Value_ListValue:
		var words []string
		for _, each := range is.ListValue.GetValues() {
			words = append(words, valueWords(each))
		}
		return orDash(strings.Join(words, ", "))
	default:
		return fmt.Sprint(v.AsInterface())
	}
}

func (a *app) registrationSheet(s *sheet, d *appprotectv1.GetRegistrationResponse) error {
	now, m := a.now(), d.GetRegistration()
	s.field("Registration", m.GetId())
	s.field("State", fmt.Sprintf("%s (epoch %d)", enumname.Of(m.GetState()), m.GetEpoch()))
	s.field("User", m.GetUser())
	s.field("App", strings.TrimSpace(m.GetPackage()+" "+m.GetAppVersion())+", SDK "+m.GetSdkVersion())
	s.field("  signed by", m.GetSignerSha256())
	s.field("Level", enumname.Of(m.GetLevel()))
	s.field("Device tag", m.GetDeviceTag())
	s.field("Phone", phoneWords(m))
	s.field("Registered", moment(m.GetRegisteredAt(), now))
	s.field("Last check-in", cmp.Or(moment(m.GetLastCheckIn(), now), never))
	s.field("Ended", moment(m.GetEndedAt(), now))
	s.field("  because", m.GetEndedWhy())
	if m.GetSelfWipe() != nil {
		s.field("  proof", "the app has signed that it wiped the account: -o json shows it")
	}
	if d.GetVerdict() != nil && m.GetEndedAt() == nil {
		if err := s.section("Verdict", func(s *sheet) error { return writeAppVerdict(s, d.GetVerdict(), now) }); err != nil {
			return err
		}
	}
	return s.section("Policy", func(s *sheet) error {
		s.field("State", registrationPolicy(m))
		s.field("Intended", orDash(m.GetIntendedRevision()))
		s.field("Applied", orDash(m.GetAppliedRevision()))
		return writeExplanation(s, d.GetExplanation())
	})
}

func phoneWords(m *appprotectv1.Registration) string {
	words := strings.TrimSpace(m.GetManufacturer() + " " + m.GetModel())
	if m.GetOsVersion() != "" {
		words = strings.TrimPrefix(words+", Android "+m.GetOsVersion(), ", ")
	}
	return words
}

func writeAppVerdict(s *sheet, v *appprotectv1.Verdict, now time.Time) error {
	s.field("Standing", strings.ToUpper(enumname.Of(v.GetStanding())))
	s.field("Since", moment(v.GetSince(), now))
	evidence := moment(v.GetEvidenceAt(), now)
	if evidence == "" {
		evidence = "none: the app has not reported"
	}
	s.field("Evidence", evidence)
	if v.GetChangesAt() != nil {
		s.field("Changes", moment(v.GetChangesAt(), now)+", if nothing else does")
	}
	for _, f := range v.GetFindings() {
		if err := s.section("Finding "+f.GetCheck()+": "+enumname.Of(f.GetAction()), func(s *sheet) error {
			s.field("Asked", f.GetThreshold())
			s.field("Actual", f.GetActual())
			// Bounded, since a server's number may be any: a duration is not.
			old := time.Duration(min(f.GetEvidenceAgeSeconds(), uint64(100*year/time.Second))) * time.Second
			s.field("Evidence", span(old)+" old when judged")
			s.field("Since", moment(f.GetSince(), now))
			s.field("Remedy", f.GetRemedy())
			s.field("Link", f.GetLink())
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
