package accessrpc

import (
	"ringfence/internal/access"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// usualExamples is how many sign-ins are shown where nobody says.
const usualExamples = 5

func reportToWire(r access.Report) *accessv1.ReportAccessResponse {
	return &accessv1.ReportAccessResponse{
		SignIns: r.SignIns, DistinctSignIns: r.Samples, Since: timeToWire(r.Since), Dropped: r.Lost,
		Policies: each(r.Policies, func(p access.PolicyReport) *accessv1.PolicyEffect { return effectToWire(p.Name, p.Effect) }),
		Together: effectToWire("", r.Together),
	}
}

func effectToWire(name string, e access.Effect) *accessv1.PolicyEffect {
	return &accessv1.PolicyEffect{
		Name: name, Applied: e.Applied, WouldBlock: e.WouldBlock, WouldPrompt: e.WouldPrompt,
		Users: uint64(max(e.Users, 0)), Devices: uint64(max(e.Devices, 0)),
		Owed: each(e.Owed, func(o access.OwedCount) *accessv1.OwedCount {
			return &accessv1.OwedCount{Choice: choiceToWire(o.Choice), SignIns: o.SignIns}
		}),
		Examples: each(e.Examples, func(x access.Example) *accessv1.SampledSignIn {
			return &accessv1.SampledSignIn{
				SignIn: sampleToWire(x.Sample), Count: x.Sample.Count, LastAt: timeToWire(x.Sample.LastAt),
				Outcome: wire[accessv1.Outcome](x.Present), WouldBe: wire[accessv1.Outcome](x.Outcome),
			}
		}),
	}
}
