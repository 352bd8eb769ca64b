package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"ringfence/agent/phone"
	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// page prints headed lines in two columns.
type page struct{ w *tabwriter.Writer }

func (p page) head(title string) { fmt.Fprintf(p.w, "%s\n", title) }

func (p page) line(name, format string, args ...any) {
	fmt.Fprintf(p.w, "  %s\t%s\n", plain(name), plain(fmt.Sprintf(format, args...)))
}

// plain keeps what a server wrote from steering the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// print writes the view for people.
func (v view) print(w io.Writer, now time.Time) error {
	p := page{tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)}
	v.printEnrollment(p)
	v.printPhone(p)
	v.printPolicy(p)
	v.printVerdict(p, now)
	v.printLease(p)
	v.printWipes(p)
	p.head("Files")
	printDigest(p, "personal", v.Personal)
	printDigest(p, "work", v.Work)
	return p.w.Flush()
}

func (v view) printEnrollment(p page) {
	p.head("Enrolment")
	if v.Former != nil && v.Enrollment == nil {
		p.line("none", "%s on %s (device %s, epoch %d)", v.Former.Reason, day(v.Former.At), v.Former.DeviceID, v.Former.Epoch)
		return
	}
	if v.Enrollment == nil {
		p.line("none", "the phone has never joined")
		return
	}
	e := v.Enrollment
	p.line("server", "%s", e.Server)
	p.line("device", "%s, epoch %d, %s, %s", e.DeviceID, e.Epoch, e.Ownership, e.Mode)
	p.line("since", "%s", day(e.EnrolledAt))
	p.line("certificate", "%s, until %s, renewed after %s", e.Certificate.Serial, day(e.Certificate.NotAfter), day(e.Certificate.RenewAt))
	if e.Ended != nil {
		p.line("ended", "%s: %s", day(e.Ended.At), e.Ended.Reason)
	}
}

func (v view) printPhone(p page) {
	s := v.Settings
	p.head("Phone")
	p.line("model", "%s, Android %s, security patch %s", s.Model, s.OSVersion, or(s.SecurityPatch, "unknown"))
	p.line("lock", "%s", pinText(s.Pin))
	if s.WorkPin != nil {
		p.line("work lock", "%s", pinText(*s.WorkPin))
	} else {
		p.line("work lock", "the same")
	}
	if s.Busy {
		p.line("busy", "yes: orders have to wait")
	}
	if l := v.WorkLock.Order; l != nil {
		p.line("work side", "locked since %s: %s; the person opens it with \"mdm-agent set work_locked=false\"", day(l.Since), l.Why)
	}
	if l := v.WorkLock.Lease; l != nil {
		p.line("work side", "locked since %s: %s; it opens when the phone is in contact with its server again", day(l.Since), l.Why)
	}
	if g := v.GivenUp; g != nil {
		p.line("company", "has given the phone up on %s: its restrictions are lifted", day(g.At))
	}
}

func (v view) printLease(p page) {
	l := v.Lease
	if l == nil {
		return
	}
	p.head("Lease")
	p.line("last contact", "%s, by the server's clock", day(l.LastContact))
	if l.Number == 0 {
		p.line("none", "the phone may be out of contact for as long as it likes")
		return
	}
	p.line("number", "%d", l.Number)
	p.line("silence", "%s at the last look", seconds(l.Silence))
	if l.LockAfter > 0 {
		p.line("locks", "after %s without contact", seconds(l.LockAfter))
	}
	switch {
	case l.WipeAfter > 0 && l.HoldsOrder:
		p.line("wipes", "after %s without contact", seconds(l.WipeAfter))
	case l.WipeAfter > 0:
		p.line("wipes", "never yet: the phone has no order for it")
	}
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

func pinText(pin phone.Pin) string {
	if !pin.Set {
		return "none"
	}
	return fmt.Sprintf("%d characters, %s, complexity %s", pin.Length, pin.Quality, pin.Complexity)
}

func (v view) printPolicy(p page) {
	p.head("Policy")
	p.line("revision", "%s", or(v.Revision, "none"))
	for _, r := range v.Results {
		p.line(r.Setting, "%s%s", r.Status, after(": ", r.Detail))
	}
	for _, r := range v.TrustedRoots {
		p.line("root "+r.Name, "%s, until %s", r.Subject, day(r.NotAfter))
	}
	for _, c := range v.Certificates {
		if c.Serial == "" {
			p.line("certificate "+c.Alias, "is being asked for")
			continue
		}
		p.line("certificate "+c.Alias, "%s, serial %s, until %s", c.Subject, c.Serial, day(c.NotAfter))
	}
	for _, r := range v.vpns {
		text := r.GetProviderPackage() + " to " + r.GetServers()[0].GetAddress()
		if r.GetAlwaysOn() {
			text += ", always on"
		}
		if r.GetLockdown() {
			text += ", lockdown"
		}
		p.line("vpn "+r.GetName(), "%s", text)
	}
}

func (v view) printVerdict(p page, now time.Time) {
	p.head("Verdict")
	switch {
	case v.verdict == nil:
		p.line("none", "the phone has not checked in")
	case v.Enrollment == nil || v.Enrollment.Ended != nil:
		p.line("none", "the enrolment is over; the last one was of %s", day(v.Status.CheckedInAt))
	default:
		word := strings.TrimPrefix(v.verdict.GetStanding().String(), "STANDING_")
		p.line(strings.ToLower(strings.ReplaceAll(word, "_", "-")), "checked in %s ago, next in %s",
			now.Sub(v.Status.CheckedInAt).Round(time.Second), v.Status.NextCheckIn.Sub(now).Round(time.Second))
		for _, f := range v.verdict.GetFindings() {
			printFinding(p, f)
		}
	}
	if v.Status.Problem != "" {
		p.line("problem", "%s: %s", day(v.Status.ProblemAt), v.Status.Problem)
	}
}

func printFinding(p page, f *compliancev1.Finding) {
	text := "expected " + f.GetExpected() + ", is " + f.GetActual()
	if f.GetGraceUntil() != nil {
		text += ", counts from " + day(f.GetGraceUntil().AsTime())
	}
	p.line(f.GetRule(), "%s%s", text, after("; ", f.GetRemedy()))
}

func (v view) printWipes(p page) {
	if v.Wipes.Current == nil && len(v.Wipes.Past) == 0 {
		return
	}
	p.head("Wipes")
	for _, e := range v.Wipes.Past {
		printWipe(p, e)
	}
	if v.Wipes.Current != nil {
		printWipe(p, *v.Wipes.Current)
	}
}

func printWipe(p page, e wipe.Entry) {
	what := strings.ReplaceAll(string(e.Scope.Kind), "-", " ")
	if e.Scope.Kind == wipe.AppData {
		what = strings.Join(e.Scope.Packages, ", ")
	}
	if e.Lease {
		what += " under the lease"
	}
	text := fmt.Sprintf("%s, %s %s%s", or(what, "nothing"), e.Phase, day(e.ChangedAt), after(": ", e.Outcome))
	if r := e.Receipt; r != nil {
		text += fmt.Sprintf("; %d files, %d bytes, %d keys, %d certificates removed", r.Files, r.Bytes, r.Keys, r.Certificates)
	}
	p.line(e.OrderID, "%s", text)
}

func printDigest(p page, name string, d phone.Digest) {
	p.line(name, "%d files, %d bytes, sha256 %s", d.Files, d.Bytes, d.SHA256)
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func after(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
