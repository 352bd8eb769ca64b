package appsdk

import (
	"cmp"
	"slices"

	"ringfence/agent/lease"
	"ringfence/internal/apprules"
)

// findings are what the phone shows now, and what only the server could know when
// it was last heard. The strictest come first.
func (s *SDK) findings(e *apprules.Effective, facts *Facts, at moments, silence lease.Silence) []apprules.Finding {
	report := s.report(facts, at)
	v := apprules.Evaluate(apprules.Evidence{
		Effective: e, Report: &report, Registration: apprules.Registration{OnlineAt: at.now.Add(-silence.Longest())},
	}, at.now)
	all := v.Findings
	for i := range all { // what wipes is the lease, by its own measure
		if all[i].Check == "launch.offline" {
			all[i].Action = min(all[i].Action, apprules.ActionBlock)
		}
	}
	offline := apprules.Finding{
		Check: "launch.offline", Action: apprules.ActionBlock, Threshold: "the lease that the server signed", Actual: "it has run out",
		RemedyKey: "go_online", Remedy: "connect the phone to the network and open the app", Since: at.now,
	}
	ranOut := s.st.Lease.BlockAfter > 0 && silence.Longest() >= s.st.Lease.BlockAfter
	if ranOut && !slices.ContainsFunc(all, func(f apprules.Finding) bool { return f.Check == offline.Check && f.Action >= offline.Action }) {
		all = append(all, offline)
	}
	worst := apprules.ActionNone
	for _, f := range s.st.Server {
		worst = max(worst, f.Action)
		if f.Action == apprules.ActionNone || judgedHere[apprules.Key(f.Check)] {
			continue
		}
		all = append(all, apprules.Finding{
			Check: apprules.Key(f.Check), Threshold: f.Threshold, Actual: f.Actual, Action: f.Action,
			RemedyKey: f.RemedyKey, Remedy: f.Remedy, Link: f.Link, Since: s.st.Lease.IssuedAt,
		})
	}
	// What was signed counts, also where nothing explains it; and a wipe that is
	// to be ordered is not called off by the phone.
	signed := apprules.Action(s.st.Lease.Standing - apprules.StandingOK)
	wipes := slices.ContainsFunc(all, func(f apprules.Finding) bool { return f.Action == apprules.ActionWipe })
	if signed == apprules.ActionWipe && !wipes || signed > max(worst, apprules.ActionWarn) {
		all = append(all, apprules.Finding{
			Check: "server", Action: signed, Threshold: "the server's verdict", Actual: s.st.Lease.Standing.String(),
			RemedyKey: "go_online", Remedy: "connect the phone to the network and open the app", Since: s.st.Lease.IssuedAt,
		})
	}
	slices.SortStableFunc(all, func(a, b apprules.Finding) int { return cmp.Compare(b.Action, a.Action) })
	return all
}

// judgedHere are the checks that the app judges as well as the server, and on
// fresher evidence.
var judgedHere = func() map[apprules.Key]bool {
	judged := make(map[apprules.Key]bool)
	for _, name := range []apprules.Key{
		"policy", "report", "launch.offline", "launch.working_hours", "launch.app_version", "launch.os_version",
		"launch.os_version_max", "launch.patch_level", "launch.sdk_version", "launch.agent_version", "launch.agent_age",
		"launch.device_lock", "launch.manufacturers", "launch.models", "launch.integrity", "launch.integrity_evaluation",
		"launch.threat_level", "access.pin_retries",
		apprules.Rooted.Key(), apprules.AppScan.Key(), apprules.Knox.Key(), apprules.KnoxWhereSupported.Key(),
	} {
		judged[name] = true
	}
	return judged
}()
