package compliance

import (
	"fmt"
	"slices"
	"time"

	"ringfence/internal/audit"
)

// MaxLiveCertificates bounds the certificates of one alias of a device that
// are neither revoked nor expired. A device that renews has two for a moment.
const MaxLiveCertificates = 10

// Retirement says by what certificates of a device end without an
// administrator's word.
type Retirement struct {
	At time.Time
	// Installed are those on the device: older ones of the same alias are
	// superseded.
	Installed []InstalledCertificate
	// EndOthers ends those of every alias but Asked.
	EndOthers bool
	Asked     []string
	// Recall makes the ended ones recalls: the device may still hold them, and
	// must not go on with them if they are asked for again.
	Recall bool
	// Actor names who caused it, for the record.
	Actor audit.Entry
}

// LiveCertificate is a certificate that is neither revoked nor expired.
type LiveCertificate struct {
	Sequence uint64
	Serial   string
	Alias    string
}

// Retired is a certificate to revoke.
type Retired struct {
	Serial     string
	Revocation Revocation
	Recall     bool
	Entry      audit.Entry
}

// Decide says which of a device's live certificates end.
func (r Retirement) Decide(live []LiveCertificate) []Retired {
	installed := make(map[string]uint64) // sequence by alias
	for _, i := range r.Installed {
		for _, c := range live {
			if c.Alias == i.Alias && c.Serial == i.Serial {
				installed[c.Alias] = c.Sequence
			}
		}
	}
	var ended []Retired
	for _, c := range live {
		switch {
		case r.EndOthers && !slices.Contains(r.Asked, c.Alias):
			ended = append(ended, r.end(c, CodeCessationOfOperation, "no policy asks for it any longer", r.Recall))
		case c.Sequence < installed[c.Alias]:
			ended = append(ended, r.end(c, CodeSuperseded, "a newer one is installed", false))
		}
	}
	return ended
}

func (r Retirement) end(c LiveCertificate, code RevocationCode, why string, recall bool) Retired {
	e := r.Actor
	e.Action, e.Target, e.Detail = actionRevoke, "certificate/"+c.Serial, fmt.Sprintf("%s: %s", c.Alias, why)
	return Retired{Serial: c.Serial, Revocation: Revocation{At: r.At, Code: code, Reason: why}, Recall: recall, Entry: e}
}

// retire decides whether certificates end with this judgement.
//
// A device that reports a manifest as applied has removed what it does not name.
// One that does not apply it may never come back: after the time in which it
// should have reported, what the manifest does not name ends all the same.
func (c *checkIn) retire(stored *State, o *outcome) {
	next, asked := &o.write.State, c.manifest.Revision()
	news := newsOfCertificates(stored, next)
	before, waiting := stored.Verdict.finding(ruleManifest)
	ended, recall := false, false
	switch {
	case next.Report.AppliedRevision == asked:
		next.RetireAt, ended = time.Time{}, news
	case !waiting || before.Expected != orNone(asked):
		next.RetireAt = c.now.Add(c.limits.EvidenceAge)
	case !stored.RetireAt.IsZero() && !c.now.Before(stored.RetireAt):
		next.RetireAt, ended, recall = time.Time{}, true, true
	}
	if !ended && (!news || len(next.Report.Posture.Certificates) == 0) {
		return
	}
	o.write.Retirement = &Retirement{
		At: c.now, Actor: c.actor, Asked: c.manifest.aliases(), EndOthers: ended, Recall: recall,
		Installed: next.Report.Posture.Certificates,
	}
	o.change = substance
}

// newsOfCertificates reports whether a device says something new about its
// client certificates, or about what it has applied.
func newsOfCertificates(before, after *State) bool {
	return before.Report.AppliedRevision != after.Report.AppliedRevision ||
		!sameCertificates(before.Report.Posture.Certificates, after.Report.Posture.Certificates)
}
