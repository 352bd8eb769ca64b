package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"ringfence/internal/fault"
	"ringfence/migrations"
)

// migrate brings the schema up to date and gives its version. The caller sees
// to it that nobody else migrates the same database meanwhile.
func migrate(ctx context.Context, d Dialect, pool *sql.DB) (int64, error) {
	dialect, folder := goose.DialectSQLite3, migrations.SQLite
	if d == Postgres {
		dialect, folder = goose.DialectPostgres, migrations.Postgres
	}
	files, err := fs.Sub(migrations.Files, folder)
	if err != nil {
		return 0, err
	}
	p, err := goose.NewProvider(dialect, pool, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if has > knows {
		return 0, fault.New(fault.Refused, "DATABASE_NEWER",
			"the database has schema version %d, this program knows up to %d: run the newer mdm-server", has, knows)
	}
	if _, err := p.Up(ctx); err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	return knows, nil
}
