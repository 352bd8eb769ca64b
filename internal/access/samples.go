package access

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"ringfence/internal/device"
)

// Bounds of samples.
const (
	// maxPending is how many kinds of decisions wait in memory to be stored.
	maxPending = 4096
	// maxSamples is how many are stored.
	maxSamples = 20_000
	// perSave is how many are stored at once, so that other writers need not wait
	// for long.
	perSave = 250
	// maxSampleText is how long the words of a door may be in a sample, in bytes,
	// and maxSampleNames how many groups and roles may be.
	maxSampleText  = 1024
	maxSampleNames = 512
)

// sampleKey tells kinds of decisions apart.
type sampleKey struct {
	person               string
	device, registration device.ID
	app                  string
	action               Action
	client               ClientApp
	platform             Platform
	network              netip.Prefix
	country              string
	signInRisk, userRisk Risk
	flow                 Flow
	mfa, bound           bool
}

// pending is a kind of decisions that is not stored yet.
type pending struct {
	count       uint64
	first, last time.Time
	person      Person
	facts       Facts
}

// sampler counts decisions in memory. It never waits for anything.
type sampler struct {
	most int

	mu      sync.Mutex // guards what follows
	pending map[sampleKey]*pending
	// lost counts the decisions that are in no sample.
	lost uint64
}

func newSampler(most int) *sampler {
	return &sampler{most: most, pending: map[sampleKey]*pending{}}
}

// note counts one decision.
func (s *sampler) note(a *Answer) {
	key, fits := keyOf(a)
	p := pending{count: 1, first: a.Decision.at, last: a.Decision.at, person: a.SignIn.Person, facts: a.Facts}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !fits {
		s.lost++
		return
	}
	s.add(key, &p)
}

// add counts decisions of one kind. The caller holds the lock.
func (s *sampler) add(key sampleKey, p *pending) {
	known := s.pending[key]
	switch {
	case known != nil:
		known.join(p)
	case len(s.pending) >= s.most:
		s.lost += p.count
	default:
		kept := *p
		s.pending[key] = &kept
	}
}

// join adds more decisions of the same kind.
func (p *pending) join(o *pending) {
	p.count += o.count
	if o.first.Before(p.first) {
		p.first = o.first
	}
	if !o.last.Before(p.last) {
		p.last, p.person, p.facts = o.last, o.person, o.facts
	}
}

// keyOf gives the kind of a decision, and whether it is short enough to be kept.
// What it does not name, and the address but for its network, is not kept.
func keyOf(a *Answer) (sampleKey, bool) {
	in := &a.SignIn
	k := sampleKey{
		person: in.Person.Name, app: folded(in.App), action: in.Action, client: in.Client,
		platform: in.Platform, network: networkOf(in.Address), country: strings.ToUpper(in.Country),
		signInRisk: in.SignInRisk, userRisk: in.UserRisk, flow: in.Flow, mfa: in.MFA, bound: in.CertificateBound,
	}
	if a.Facts.Device != nil {
		k.device = a.Facts.Device.ID
	}
	if a.Facts.Registration != nil {
		k.registration = a.Facts.Registration.ID
	}
	fits := len(k.person)+len(k.app)+len(k.country) <= maxSampleText &&
		len(in.Person.Groups)+len(in.Person.Roles) <= maxSampleNames
	return k, fits
}

// networkOf gives the network of an address: /24 or /48.
func networkOf(a netip.Addr) netip.Prefix {
	const ofIPv4, ofIPv6 = 24, 48
	a = a.Unmap().WithZone("")
	bits := ofIPv6
	if a.Is4() {
		bits = ofIPv4
	}
	network, _ := a.Prefix(bits) // an address that is none has the prefix that is none
	return network
}

func (k *sampleKey) sample(p *pending) Sample {
	return Sample{
		SignIn: SignIn{
			Person: p.person, App: k.app, Action: k.action, Platform: k.platform, Client: k.client, Country: k.country,
			SignInRisk: k.signInRisk, UserRisk: k.userRisk, Flow: k.flow, MFA: k.mfa, CertificateBound: k.bound,
		},
		Network: k.network, Facts: p.facts.brief(), Count: p.count, FirstAt: p.first, LastAt: p.last,
	}
}

// brief leaves out findings: they decide nothing.
func (f Facts) brief() Facts {
	if f.Device != nil {
		d := *f.Device
		d.Compliance.Findings = nil
		f.Device = &d
	}
	if f.Registration != nil {
		r := *f.Registration
		r.Protection.Findings = nil
		f.Registration = &r
	}
	return f
}

// take gives all that is pending, and begins anew.
func (s *sampler) take() (map[sampleKey]*pending, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, lost := s.pending, s.lost
	s.pending, s.lost = make(map[sampleKey]*pending, len(all)), 0
	return all, lost
}

// giveBack keeps what could not be stored for the next time.
func (s *sampler) giveBack(all map[sampleKey]*pending, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += lost
	for key, p := range all {
		s.add(key, p)
	}
}

// Flush stores the samples that are in memory, and the facts they were decided
// on. What cannot be stored waits for the next time, as long as there is room.
func (s *Service) Flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	all, lost := s.seen.take()
	var moments []Moment
	for _, p := range all {
		moments = append(moments, momentsOf(p.facts, p.last)...)
	}
	if err := s.saveSamples(ctx, all, lost); err != nil {
		return err
	}
	return s.keepMoments(ctx, moments)
}

// saveSamples stores samples some at a time, and gives back those it could not.
func (s *Service) saveSamples(ctx context.Context, all map[sampleKey]*pending, lost uint64) error {
	for len(all) > 0 || lost > 0 {
		var keys []sampleKey
		var samples []Sample
		for key, p := range all {
			if len(samples) == perSave {
				break
			}
			keys, samples = append(keys, key), append(samples, key.sample(p))
		}
		if err := s.c.Samples.SaveSamples(ctx, samples, lost, maxSamples); err != nil {
			s.seen.giveBack(all, lost)
			return err
		}
		lost = 0
		for _, key := range keys {
			delete(all, key)
		}
	}
	return nil
}
