package compliance

import "testing"

func TestApplies(t *testing.T) {
	include := func(k TargetKind, name string) Assignment { return Assignment{Kind: k, Name: name} }
	exclude := func(k TargetKind, name string) Assignment { return Assignment{Kind: k, Name: name, Exclude: true} }
	tests := []struct {
		name        string
		assignments []Assignment
		want        bool
	}{
		{"nobody", nil, false},
		{"all", []Assignment{include(TargetAll, "")}, true},
		{"group", []Assignment{include(TargetGroup, "sales")}, true},
		{"other group", []Assignment{include(TargetGroup, "hr")}, false},
		{"user", []Assignment{include(TargetUser, "alice@example.com")}, true},
		{"other user", []Assignment{include(TargetUser, "alice")}, false},
		{"device", []Assignment{include(TargetDevice, "phone-0001")}, true},
		{"other device", []Assignment{include(TargetDevice, "phone-0002")}, false},
		{"exclude alone", []Assignment{exclude(TargetGroup, "hr")}, false},
		{"exclude wins, after", []Assignment{include(TargetAll, ""), exclude(TargetGroup, "sales")}, false},
		{"exclude wins, before", []Assignment{exclude(TargetUser, "alice@example.com"), include(TargetDevice, "phone-0001")}, false},
		{"exclude of another", []Assignment{include(TargetAll, ""), exclude(TargetDevice, "phone-0002")}, true},
		{"exclude all", []Assignment{include(TargetDevice, "phone-0001"), exclude(TargetAll, "")}, false},
		{"no kind", []Assignment{{Name: "sales"}}, false},
		{"group name as user", []Assignment{include(TargetUser, "sales")}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Applies(Spec{Assignments: tt.assignments}, phone()); got != tt.want {
				t.Errorf("Applies = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestEmptyNamesMatchNobody(t *testing.T) {
	d := Device{ID: "phone-0001"}
	for _, k := range []TargetKind{TargetGroup, TargetUser, TargetDevice} {
		if Applies(Spec{Assignments: []Assignment{{Kind: k}}}, d) {
			t.Errorf("kind %d with an empty name applies to a device without one", k)
		}
	}
}
