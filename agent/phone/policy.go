package phone

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"ringfence/agent/policy"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	manifestFile = "manifest.json"
	resultsFile  = "results.json"
	jsonSuffix   = ".json"
	pemSuffix    = ".pem"
)

// manifestRecord keeps the manifest as it came, and its revision beside it in
// one file: the two never differ.
type manifestRecord struct {
	Revision string `json:"revision"`
	Manifest []byte `json:"manifest"`
}

// LoadManifest gives what SaveManifest kept. Safe beside a running agent.
func (p *Phone) LoadManifest() (string, *compliancev1.Manifest, error) {
	var r manifestRecord
	if err := p.readJSON(policyDir, manifestFile, &r); err != nil || r.Manifest == nil {
		return "", nil, err
	}
	m := &compliancev1.Manifest{}
	if err := proto.Unmarshal(r.Manifest, m); err != nil {
		return "", nil, fmt.Errorf("%s/%s is damaged: %w", policyDir, manifestFile, err)
	}
	return r.Revision, m, nil
}

// SaveManifest keeps the manifest.
func (p *Phone) SaveManifest(revision string, m *compliancev1.Manifest) error {
	raw, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	return p.writeJSON(policyDir, manifestFile, manifestRecord{Revision: revision, Manifest: append([]byte{}, raw...)})
}

// SaveResults keeps the results of the last round, if they have changed.
func (p *Phone) SaveResults(results []*compliancev1.SettingResult) error {
	old, err := p.Results()
	if err != nil {
		return err
	}
	if proto.Equal(&compliancev1.CheckInRequest{Results: old}, &compliancev1.CheckInRequest{Results: results}) {
		return nil
	}
	list := make([]json.RawMessage, len(results))
	for i, r := range results {
		if list[i], err = protojson.Marshal(r); err != nil {
			return err
		}
	}
	return p.writeJSON(policyDir, resultsFile, list)
}

// Results gives what SaveResults kept. Safe beside a running agent.
func (p *Phone) Results() ([]*compliancev1.SettingResult, error) {
	var list []json.RawMessage
	if err := p.readJSON(policyDir, resultsFile, &list); err != nil {
		return nil, err
	}
	results := make([]*compliancev1.SettingResult, len(list))
	for i, raw := range list {
		results[i] = &compliancev1.SettingResult{}
		if err := protojson.Unmarshal(raw, results[i]); err != nil {
			return nil, fmt.Errorf("%s/%s is damaged: %w", policyDir, resultsFile, err)
		}
	}
	return results, nil
}

// Roots gives the authorities installed by policy. Safe beside a running agent.
func (p *Phone) Roots() (map[string]*x509.Certificate, error) {
	names, err := p.names(cacertsDir, pemSuffix)
	if err != nil {
		return nil, err
	}
	roots := make(map[string]*x509.Certificate)
	for _, name := range names {
		data, err := p.read(cacertsDir, name+pemSuffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return nil, fmt.Errorf("%s/%s%s is damaged", cacertsDir, name, pemSuffix)
		}
		if roots[name], err = x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("%s/%s%s is damaged: %w", cacertsDir, name, pemSuffix, err)
		}
	}
	return roots, nil
}

// InstallRoot adds or replaces an authority.
func (p *Phone) InstallRoot(name string, c *x509.Certificate) error {
	if !policy.ValidName(name) {
		return badName(name)
	}
	return p.write(cacertsDir, name+pemSuffix, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// RemoveRoot takes an authority away.
func (p *Phone) RemoveRoot(name string) error {
	if !policy.ValidName(name) {
		return badName(name)
	}
	return p.remove(cacertsDir, name+pemSuffix)
}

// Certificates gives the records of client certificates. Safe beside a running
// agent.
func (p *Phone) Certificates() (map[string]policy.Certificate, error) {
	names, err := p.names(certsDir, jsonSuffix)
	if err != nil {
		return nil, err
	}
	records := make(map[string]policy.Certificate)
	for _, alias := range names {
		var c policy.Certificate
		if err := p.readJSON(certsDir, alias+jsonSuffix, &c); err != nil {
			return nil, err
		}
		if c.Alias == alias {
			records[alias] = c
		}
	}
	return records, nil
}

// SaveCertificate replaces the record of its alias.
func (p *Phone) SaveCertificate(c policy.Certificate) error {
	if !policy.ValidName(c.Alias) {
		return badName(c.Alias)
	}
	return p.writeJSON(certsDir, c.Alias+jsonSuffix, c)
}

// RemoveCertificate forgets a record.
func (p *Phone) RemoveCertificate(alias string) error {
	if !policy.ValidName(alias) {
		return badName(alias)
	}
	return p.remove(certsDir, alias+jsonSuffix)
}

// VPNs gives the VPN connections. Safe beside a running agent.
func (p *Phone) VPNs() (map[string]*compliancev1.VpnRule, error) {
	names, err := p.names(vpnDir, jsonSuffix)
	if err != nil {
		return nil, err
	}
	vpns := make(map[string]*compliancev1.VpnRule)
	for _, name := range names {
		data, err := p.read(vpnDir, name+jsonSuffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v := &compliancev1.VpnRule{}
		if err := protojson.Unmarshal(data, v); err != nil {
			return nil, fmt.Errorf("%s/%s%s is damaged: %w", vpnDir, name, jsonSuffix, err)
		}
		vpns[name] = v
	}
	return vpns, nil
}

// SetVPN adds or replaces a connection.
func (p *Phone) SetVPN(v *compliancev1.VpnRule) error {
	if !policy.ValidName(v.GetName()) {
		return badName(v.GetName())
	}
	data, err := protojson.MarshalOptions{Indent: "  "}.Marshal(v)
	if err != nil {
		return err
	}
	return p.write(vpnDir, v.GetName()+jsonSuffix, append(data, '\n'))
}

// RemoveVPN takes a connection away.
func (p *Phone) RemoveVPN(name string) error {
	if !policy.ValidName(name) {
		return badName(name)
	}
	return p.remove(vpnDir, name+jsonSuffix)
}

func badName(name string) error { return fmt.Errorf("%.40q cannot be a name on this phone", name) }
