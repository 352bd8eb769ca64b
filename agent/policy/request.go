package policy

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/answer"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// How long a request that did not help is not repeated.
const (
	afterSilence = time.Minute
	afterRefusal = 15 * time.Minute
	afterUseless = time.Hour
)

// keyRevoked is the reason of the answer to a request for a key that must not be
// used any more.
const keyRevoked = "KEY_REVOKED"

// request asks for the certificate of a profile and installs it. The result is
// nil when it is installed, else why it is not. The error is one that ends the
// round.
func (r *round) request(p *compliancev1.ClientCertificateProfile, digest string, record *Certificate) (*compliancev1.SettingResult, error) {
	last, held := r.applier.notBefore[p.GetAlias()]
	if held && last.profile == digest && r.now.Before(last.until) {
		r.dueAt(last.until)
		return last.result, nil
	}
	if r.via == nil {
		return pending("no server to ask"), nil
	}
	key, err := r.prepare(p, digest, record)
	if errors.Is(err, ErrUnsupported) {
		return r.hold(p, digest, afterRefusal, &compliancev1.SettingResult{
			Status: compliancev1.ApplyStatus_APPLY_STATUS_UNSUPPORTED, Detail: "the phone makes no such keys",
		}), nil
	}
	if err != nil {
		return r.hold(p, digest, afterRefusal, failed("key: %v", err)), nil
	}
	response, err := r.via.IssueCertificate(r.ctx, &compliancev1.IssueCertificateRequest{
		Alias: p.GetAlias(), CertificateRequest: record.Pending.CSR,
	})
	switch {
	case status.Code(err) == codes.Unauthenticated, r.ctx.Err() != nil:
		return nil, err
	case answer.Reason(err) == keyRevoked:
		if err := r.abandon(record); err != nil {
			return nil, err
		}
		return r.hold(p, digest, afterSilence, pending("its key was revoked: asks again with a new one")), nil
	case status.Code(err) == codes.InvalidArgument: // another request may do better
		if err := r.abandon(record); err != nil {
			return nil, err
		}
		return r.hold(p, digest, afterRefusal, failed("refused: %s", answer.Text(err))), nil
	case answer.Final(err) && status.Code(err) != codes.NotFound: // not found: the manifest has moved
		return r.hold(p, digest, afterRefusal, failed("refused: %s", answer.Text(err))), nil
	case err != nil:
		return r.hold(p, digest, afterSilence, pending("not issued yet: %s", answer.Text(err))), nil
	}
	leaf, err := checkIssued(response.GetCertificateChain(), key, r.now)
	if err != nil {
		if err := r.abandon(record); err != nil {
			return nil, err
		}
		return r.hold(p, digest, afterUseless, failed("the issued certificate %v", err)), nil
	}
	if at := renewAt(leaf, p.GetRenewalThresholdPercent()); r.now.Before(at) {
		delete(r.applier.notBefore, p.GetAlias())
		r.dueAt(at)
	} else { // it runs out already: do not ask again at once
		r.hold(p, digest, afterUseless, pending("the issued certificate is about to end"))
	}
	return nil, r.install(response.GetCertificateChain(), record)
}

// prepare makes key and request, writing each down before it is used.
func (r *round) prepare(p *compliancev1.ClientCertificateProfile, digest string, record *Certificate) (crypto.Signer, error) {
	if record.Pending != nil && record.Pending.Profile != digest {
		if err := r.abandon(record); err != nil {
			return nil, err
		}
	}
	if record.Pending == nil {
		var random [8]byte
		_, _ = rand.Read(random[:]) // never fails
		record.Pending = &Request{Key: "client." + p.GetAlias() + "." + hex.EncodeToString(random[:]), Profile: digest}
		if err := r.device().SaveCertificate(*record); err != nil {
			return nil, err
		}
	}
	key, err := r.device().MakeKey(record.Pending.Key, p.GetKeyType())
	if err != nil || len(record.Pending.CSR) > 0 {
		return key, err
	}
	record.Pending.CSR, err = x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: p.GetAlias()}}, key)
	if err != nil {
		return nil, err
	}
	return key, r.device().SaveCertificate(*record)
}

// abandon gives a pending request up, key and all.
func (r *round) abandon(record *Certificate) error {
	if record.Pending == nil {
		return nil
	}
	record.Spent = append(record.Spent, record.Pending.Key)
	record.Pending = nil
	if err := r.device().SaveCertificate(*record); err != nil {
		return err
	}
	return r.destroySpent(record)
}

// install puts the new certificate in the old one's place in one step, and then
// destroys the old one's key.
func (r *round) install(chain [][]byte, record *Certificate) error {
	if record.Current != nil {
		record.Spent = append(record.Spent, record.Current.Key)
	}
	record.Current = &Installed{Key: record.Pending.Key, Profile: record.Pending.Profile, Chain: chain}
	record.Pending = nil
	if err := r.device().SaveCertificate(*record); err != nil {
		return err
	}
	return r.destroySpent(record)
}

// checkIssued checks what the server answered. The error completes "the issued
// certificate ...".
func checkIssued(chain [][]byte, key crypto.Signer, now time.Time) (*x509.Certificate, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("came in a chain of %d", len(chain))
	}
	var leaf *x509.Certificate
	for i, der := range chain {
		if len(der) > maxCertificate {
			return nil, errors.New("is too large")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("cannot be read")
		}
		if i == 0 {
			leaf = c
		}
	}
	switch {
	case !belongs(leaf, key):
		return nil, errors.New("is not for the phone's key")
	case leaf.IsCA:
		return nil, errors.New("is an authority's")
	case now.After(leaf.NotAfter):
		return nil, errors.New("has ended already")
	}
	return leaf, nil
}

// hold keeps a request from being repeated too soon.
func (r *round) hold(p *compliancev1.ClientCertificateProfile, digest string, d time.Duration, result *compliancev1.SettingResult) *compliancev1.SettingResult {
	until := r.now.Add(d)
	r.applier.notBefore[p.GetAlias()] = attempt{profile: digest, until: until, result: result}
	r.dueAt(until)
	return result
}

func pending(format string, args ...any) *compliancev1.SettingResult {
	return &compliancev1.SettingResult{Status: compliancev1.ApplyStatus_APPLY_STATUS_PENDING, Detail: fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) *compliancev1.SettingResult {
	return &compliancev1.SettingResult{Status: compliancev1.ApplyStatus_APPLY_STATUS_FAILED, Detail: fmt.Sprintf(format, args...)}
}
