package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"ringfence/internal/audit"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/pki"
	"ringfence/internal/sqldb"
)

// mayMakeAuthority refuses to make a certificate authority beside a database in
// use: a new one would lock out every phone and administrator there is.
func mayMakeAuthority(ctx context.Context, cfg Config, db *sqldb.DB) error {
	store := enrolldb.New(db)
	owner, err := store.Owner(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	// A database that is older than the note of its owner shows by its
	// administrators that it is in use.
	known, err := store.ListAdministrators(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if len(known) > 0 || !owner.IsZero() {
		return fmt.Errorf("the database belongs to an installation whose certificate authority is not in %s: copy its pki folder there",
			pkiFolder(cfg))
	}
	return nil
}

// adopt notes at the first start whose database it is, and refuses that of
// another installation: its phones and administrators would be strangers to
// this authority, and what this one signs means nothing to them.
func adopt(ctx context.Context, cfg Config, db *sqldb.DB, authority *pki.Authority) error {
	root := enroll.Digest(sha256.Sum256(authority.Roots()[0]))
	note := audit.Server("enroll.installation", "installation/root", fmt.Sprintf("root certificate SHA-256 %x", root))
	owner, err := enrolldb.New(db).Adopt(ctx, root, note)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if owner != root {
		return fmt.Errorf("the database belongs to another installation: its root certificate has the SHA-256 %x, the one in %s has %x: "+
			"give this server that installation's pki folder, or a database of its own", owner, pkiFolder(cfg), root)
	}
	return nil
}

func pkiFolder(cfg Config) string { return filepath.Join(cfg.Data, "pki") }
