package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// writePlan says what would happen to one device.
func writePlan(w io.Writer, p *wipev1.PlanWipeResponse, now time.Time) error {
	d := p.GetDevice()
	what, ends := "Device", "the enrolment: the device's certificates stop working"
	if d.GetPackage() != "" {
		what, ends = "Registration", "the registration: the app's certificates stop working"
	}
	fmt.Fprintf(w, "%s %s, epoch %d\n", what, printable(p.GetDeviceId()), p.GetEpoch())
	line := func(word, text string) { fmt.Fprintf(w, "  %-8s %s\n", word, printable(text)) }
	if d != nil {
		line("is", strings.Join(facts(d), ", "))
		line("contact", contact(d, now))
	}
	for _, text := range p.GetRemoves() {
		line("removes", text)
	}
	for _, text := range p.GetKeeps() {
		line("keeps", text)
	}
	if p.GetEndsEnrollment() {
		line("ends", ends)
	}
	for _, app := range d.GetUnsynced() {
		line("LOSES", fmt.Sprintf("%s in %s that its server does not have yet", count(app.GetChanges(), "change"), app.GetPackage()))
	}
	for _, text := range p.GetNeeds() {
		line("needs", text)
	}
	if p.GetPlanDigest() != "" {
		line("plan", p.GetPlanDigest())
	}
	return nil
}

// facts say whose device it is and how it is managed.
func facts(d *wipev1.PlannedDevice) []string {
	var out []string
	for _, fact := range []struct{ before, value string }{
		{"", d.GetOwnership()}, {"", d.GetMode()}, {"app ", d.GetPackage()}, {"group ", d.GetGroup()}, {"user ", d.GetUser()},
	} {
		if fact.value != "" {
			out = append(out, fact.before+fact.value)
		}
	}
	return out
}

func contact(d *wipev1.PlannedDevice, now time.Time) string {
	if d.GetLastContact() == nil {
		return "never since it enrolled"
	}
	return due(d.GetLastContact(), now)
}

// writePlans says what would happen to several devices: one a line, and at the
// end, where it is read, what matters most.
func writePlans(w io.Writer, p *wipev1.PlanWipesResponse, now time.Time) error {
	if len(p.GetDevices()) > 0 {
		if err := writeTable(w, shown(plannedColumns(now), false), p.GetDevices(), true); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	s := &sheet{w: w}
	orders := count(p.GetIncluded(), "device") + " of " + fmt.Sprint(len(p.GetDevices()))
	if p.GetIncluded() == 0 {
		orders = "none"
	}
	s.field("Orders", orders)
	for _, text := range allThatGoes(p.GetDevices()) {
		s.field("Goes", text)
	}
	if lost := unsyncedTotal(p.GetDevices()); lost != "" {
		s.field("LOST", lost)
	}
	for _, text := range p.GetNeeds() {
		s.field("Needs", text)
	}
	s.field("Plan", p.GetPlanDigest())
	return s.flush()
}

func plannedColumns(now time.Time) []column[*wipev1.PlannedDevice] {
	type d = *wipev1.PlannedDevice
	return []column[d]{
		{"DEVICE", false, d.GetDeviceId},
		{"USER", false, d.GetUser},
		{"GROUP", false, d.GetGroup},
		{"OWNERSHIP", false, d.GetOwnership},
		{"MODE", false, d.GetMode},
		{"CONTACT", false, func(m d) string {
			if m.GetLastContact() == nil {
				return "never"
			}
			return age(m.GetLastContact(), now)
		}},
		{"UNSYNCED", false, unsynced},
		{"GOES", false, func(m d) string {
			if m.GetExcluded() != "" {
				return "NOTHING: " + m.GetExcluded()
			}
			return inShort(m.GetRemoves())
		}},
	}
}

// inShort gives the first line of what goes, without what it consists of.
func inShort(removes []string) string {
	if len(removes) == 0 {
		return ""
	}
	short, _, _ := strings.Cut(removes[0], ": ")
	if len(removes) > 1 {
		short += ", and more"
	}
	return short
}

// epochs stand in lines that are otherwise the same for every device.
var epochs = regexp.MustCompile(` \(epoch \d+\)`)

// maxGoes is how many lines a plan of several devices says what goes in.
const maxGoes = 12

// allThatGoes says once what goes on any of the devices.
func allThatGoes(devices []*wipev1.PlannedDevice) []string {
	var lines []string
	for _, d := range devices {
		for _, line := range d.GetRemoves() {
			line = epochs.ReplaceAllString(line, "")
			if slices.Contains(lines, line) {
				continue
			}
			if len(lines) == maxGoes {
				return append(lines, "and more: -o json tells all of each device")
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// unsynced names the apps with changes that their server does not have, three at
// most.
func unsynced(m *wipev1.PlannedDevice) string {
	var parts []string
	for i, app := range m.GetUnsynced() {
		if i == 3 && len(m.GetUnsynced()) > 4 {
			parts = append(parts, fmt.Sprintf("and %d more", len(m.GetUnsynced())-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %d", app.GetPackage(), app.GetChanges()))
	}
	return strings.Join(parts, ", ")
}

// unsyncedTotal counts what devices that get an order would lose; "" for nothing.
func unsyncedTotal(devices []*wipev1.PlannedDevice) string {
	var changes uint64
	losing := 0
	for _, d := range devices {
		if d.GetExcluded() != "" || len(d.GetUnsynced()) == 0 {
			continue
		}
		losing++
		for _, app := range d.GetUnsynced() {
			changes += uint64(app.GetChanges())
		}
	}
	if losing == 0 {
		return ""
	}
	return fmt.Sprintf("%s on %s that their apps have not sent yet", count(changes, "change"), count(losing, "device"))
}
