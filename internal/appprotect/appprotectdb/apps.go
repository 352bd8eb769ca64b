package appprotectdb

import (
	"context"

	"ringfence/internal/appprotect"
	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
)

// appRow is one app that is known, or was: then it has no content.
type appRow struct {
	pkg, changedBy string
	content        *string
	version        uint64
	changedAt      int64
}

const appSQL = "SELECT package, version, content, changed_at, changed_by FROM appprotect_apps WHERE "

func (r *appRow) scan() []any {
	return []any{&r.pkg, &r.version, &r.content, &r.changedAt, &r.changedBy}
}

func (r *appRow) app() (a appprotect.KnownApp, err error) {
	if r.content != nil {
		if a, err = decodeApp(*r.content); err != nil {
			return appprotect.KnownApp{}, damaged(err, "app %q", r.pkg)
		}
	}
	a.Package, a.Version, a.ChangedAt, a.ChangedBy = r.pkg, r.version, sqldb.FromMicros(r.changedAt), r.changedBy
	return a, nil
}

// apps reads those that are known; rest goes on with the statement.
func (s *Store) apps(ctx context.Context, rest string, args ...any) ([]appprotect.KnownApp, error) {
	var (
		all []appprotect.KnownApp
		r   appRow
	)
	err := s.each(ctx, appSQL+"live = 1 "+rest, args, r.scan(), func() error {
		a, err := r.app()
		all = append(all, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// App implements [appprotect.Policies].
func (s *Store) App(ctx context.Context, pkg string) (a appprotect.KnownApp, deleted bool, err error) {
	var r appRow
	if err := s.row(ctx, appSQL+"package = ?", []any{pkg}, r.scan()); err != nil {
		return appprotect.KnownApp{}, false, missing(err, appprotect.ErrNoApp)
	}
	a, err = r.app()
	return a, r.content == nil, err
}

// ListApps implements [appprotect.Policies].
func (s *Store) ListApps(ctx context.Context, after string, limit int) ([]appprotect.KnownApp, error) {
	return s.apps(ctx, "AND package > ? ORDER BY package LIMIT ?", after, limit)
}

// SaveApp implements [appprotect.Policies].
func (s *Store) SaveApp(ctx context.Context, a appprotect.KnownApp, e audit.Entry) error {
	content, err := encodeApp(a)
	if err != nil {
		return err
	}
	text := `UPDATE appprotect_apps SET version = ?, live = 1, content = ?, changed_at = ?, changed_by = ?
WHERE package = ? AND version = ?`
	args := []any{int64(a.Version), content, sqldb.Micros(a.ChangedAt), a.ChangedBy, a.Package, int64(a.Version) - 1}
	if a.Version == 1 {
		text = `INSERT INTO appprotect_apps (version, live, content, changed_at, changed_by, package)
VALUES (?, 1, ?, ?, ?, ?) ON CONFLICT (package) DO NOTHING`
		args = args[:5]
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := one(tx.Exec(text, args...)); err != nil {
			return err
		}
		return changed(tx, e)
	})
}

// DeleteApp implements [appprotect.Policies].
func (s *Store) DeleteApp(ctx context.Context, pkg string, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec("UPDATE appprotect_apps SET live = 0, content = NULL WHERE package = ? AND live = 1", pkg)
		if err != nil {
			return err
		}
		if n == 1 {
			return changed(tx, e)
		}
		var version uint64
		err = tx.QueryRow("SELECT version FROM appprotect_apps WHERE package = ?", []any{pkg}, &version)
		return missing(err, appprotect.ErrNoApp)
	})
}
