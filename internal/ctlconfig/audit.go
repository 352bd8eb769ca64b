package ctlconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// AuditMemory is what mdmctl remembers of the audit records it has seen, by the
// name of the context: with it, a record that was changed since is found out. It
// holds no secret.
type AuditMemory struct {
	Contexts map[string]SeenRecord `json:"contexts"`
}

// SeenRecord is one server's audit record when it was last found whole.
type SeenRecord struct {
	// Key is the verifier key, as text.
	Key string `json:"key"`
	// Head is the signed head, a note.
	Head string `json:"head"`
}

// AuditMemoryPath gives the file of the memory that belongs to a configuration.
func AuditMemoryPath(config string) string { return config + ".audit.json" }

// LoadAuditMemory reads the file; a missing one is an empty memory.
func LoadAuditMemory(path string) (AuditMemory, error) {
	m := AuditMemory{Contexts: map[string]SeenRecord{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return AuditMemory{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	d := json.NewDecoder(io.LimitReader(f, maxSize))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return AuditMemory{}, fmt.Errorf("%s: %w", path, err)
	}
	if m.Contexts == nil {
		m.Contexts = map[string]SeenRecord{}
	}
	return m, nil
}

// SaveAuditMemory writes the file as Save writes a configuration.
func SaveAuditMemory(path string, m AuditMemory) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return replace(dir, path, append(data, '\n'))
}
