package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ringfence/agent/answer"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Options are the parts of an Applier.
type Options struct {
	Device Device
	Now    func() time.Time
	Log    *slog.Logger
}

// Applier applies manifests. It is not for concurrent use.
type Applier struct {
	o Options
	// notBefore holds off certificate requests that were refused or failed, by
	// alias. It is lost on restart, which then tries once.
	notBefore map[string]attempt
}

// attempt remembers a certificate request that did not help.
type attempt struct {
	profile string
	until   time.Time
	result  *compliancev1.SettingResult
}

// New makes an Applier.
func New(o Options) *Applier {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Applier{o: o, notBefore: make(map[string]attempt)}
}

// Revision gives the revision of the manifest that Accept kept last; "" before.
func (a *Applier) Revision() (string, error) {
	revision, _, err := a.o.Device.LoadManifest()
	return revision, err
}

// Accept keeps a manifest for Apply, durably. It refuses one that is too large
// for a phone; the manifest before then stays.
func (a *Applier) Accept(revision string, m *compliancev1.Manifest) error {
	if m == nil {
		m = &compliancev1.Manifest{}
	}
	if err := checkManifest(revision, m); err != nil {
		return err
	}
	clear(a.notBefore) // what was refused may be possible now
	return a.o.Device.SaveManifest(revision, m)
}

// Apply makes the phone be as the kept manifest asks and gives one result a
// setting. Due is when a certificate wants to be renewed or asked for again;
// zero when nothing is waiting. The error is one that no setting explains: the
// phone's own storage, or a server that no longer knows the phone.
func (a *Applier) Apply(ctx context.Context, via Issuer) (results []*compliancev1.SettingResult, due time.Time, err error) {
	_, m, err := a.o.Device.LoadManifest()
	if err != nil {
		return nil, time.Time{}, err
	}
	r := &round{applier: a, ctx: ctx, via: via, now: a.o.Now()}
	// VPNs come after the certificates they wait for and before certificates are
	// removed, so that lockdown is lifted while its certificate is still there.
	// For revoked ones it is lifted first: what takes their place comes over the
	// network.
	for _, step := range []func(*compliancev1.Manifest) error{
		r.pins, r.roots, r.dropRevoked, r.obtainCertificates, r.vpns, r.removeCertificates,
	} {
		if err := step(m); err != nil {
			return r.results, r.due, err
		}
	}
	slices.SortFunc(r.results, func(x, y *compliancev1.SettingResult) int { return strings.Compare(x.GetSetting(), y.GetSetting()) })
	if err := a.o.Device.SaveResults(r.results); err != nil {
		return r.results, r.due, err
	}
	return r.results, r.due, nil
}

// Release takes everything off that policy ever set.
func (a *Applier) Release(ctx context.Context) error {
	if err := a.Accept("", nil); err != nil {
		return err
	}
	_, _, err := a.Apply(ctx, nil)
	return err
}

// round is one run of Apply.
type round struct {
	applier *Applier
	ctx     context.Context
	via     Issuer
	now     time.Time
	results []*compliancev1.SettingResult
	due     time.Time
}

func (r *round) device() Device { return r.applier.o.Device }

// dueAt moves due forward.
func (r *round) dueAt(t time.Time) {
	if r.due.IsZero() || t.Before(r.due) {
		r.due = t
	}
}

// note adds a result.
func (r *round) note(setting string, s compliancev1.ApplyStatus, format string, args ...any) {
	r.results = append(r.results, &compliancev1.SettingResult{
		Setting: setting, Status: s, Detail: answer.Clip(fmt.Sprintf(format, args...)),
	})
}

// noteError adds the result of a setting that the phone did not take.
func (r *round) noteError(setting string, err error) {
	if errors.Is(err, ErrUnsupported) {
		r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_UNSUPPORTED, "%v", err)
		return
	}
	r.applier.o.Log.Error("a setting was not applied", "setting", setting, "error", err)
	r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_FAILED, "%v", err)
}

// skip says in the log that a setting has no name that could be reported.
func (r *round) skip(kind, name string) {
	r.applier.o.Log.Warn("a setting is left out: its name is not possible or comes twice", "kind", kind, "name", answer.Clip(name))
}
