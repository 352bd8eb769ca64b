package dbtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ringfence/internal/sqldb"
	"ringfence/migrations"
)

const (
	// templateLock is the advisory lock of whoever makes a template: every
	// test binary of every package uses the same cluster at once.
	templateLock int64 = 0x72665f7465737473
	// objectInUse is PostgreSQL's code for a template somebody is connected to.
	objectInUse = "55006"
	// patience bounds each step on the cluster.
	patience = time.Minute
)

// clone makes a database from the template and drops it when the test ends.
func clone(tb testing.TB, cluster string) string {
	tb.Helper()
	template, err := templateOf(cluster)
	if err != nil {
		tb.Fatalf("make the PostgreSQL template: %v", err)
	}
	name := template + "_" + rand.Text()[:12]
	create := fmt.Sprintf(`CREATE DATABASE %q TEMPLATE %q`, name, template)
	if err := onCluster(cluster, create); err != nil {
		tb.Fatalf("clone the PostgreSQL template: %v", err)
	}
	tb.Cleanup(func() {
		if err := onCluster(cluster, fmt.Sprintf(`DROP DATABASE %q WITH (FORCE)`, name)); err != nil {
			tb.Errorf("drop the test's database: %v", err)
		}
	})
	dsn, err := withDatabase(cluster, name)
	if err != nil {
		tb.Fatalf("%s: %v", Env, err)
	}
	return dsn
}

var templates struct {
	sync.Mutex
	made map[string]string // by cluster
}

// templateOf gives the name of the migrated template, made by the first test
// binary that asks for this schema.
func templateOf(cluster string) (string, error) {
	templates.Lock()
	defer templates.Unlock()
	if name, ok := templates.made[cluster]; ok {
		return name, nil
	}
	hash, err := schemaHash(migrations.Postgres)
	if err != nil {
		return "", err
	}
	name := "mdm_test_" + hash
	if err := makeTemplate(cluster, name); err != nil {
		return "", err
	}
	if templates.made == nil {
		templates.made = make(map[string]string)
	}
	templates.made[cluster] = name
	return name, nil
}

// schemaHash names the schema of a dialect, the folder of its migrations, by what
// makes it.
func schemaHash(dialect string) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations.Files, dialect, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.Files, path)
		fmt.Fprintf(sum, "%q %q\n", path, text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:12], err
}

// makeTemplate makes the template under another name first, so that one that
// has the name is whole.
func makeTemplate(cluster, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, cluster)
	if err != nil {
		return err
	}
	// The lock ends with the connection.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, templateLock); err != nil {
		return err
	}
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	draft := name + "_draft"
	for _, sql := range []string{`DROP DATABASE IF EXISTS %q WITH (FORCE)`, `CREATE DATABASE %q TEMPLATE template0`} {
		if _, err := conn.Exec(ctx, fmt.Sprintf(sql, draft)); err != nil {
			return err
		}
	}
	if err := migrateDraft(ctx, cluster, draft); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`ALTER DATABASE %q RENAME TO %q`, draft, name))
	return err
}

func migrateDraft(ctx context.Context, cluster, draft string) error {
	dsn, err := withDatabase(cluster, draft)
	if err != nil {
		return err
	}
	db, err := sqldb.Open(ctx, sqldb.Config{DSN: dsn, Now: Now})
	if err != nil {
		return err
	}
	return db.Close()
}

// onCluster runs one statement on a connection of its own, again while the
// template is in use: the server takes a moment to see a connection end.
func onCluster(cluster, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		_, err := conn.Exec(ctx, sql)
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != objectInUse {
			return err
		}
		if _, err := conn.Exec(ctx, `SELECT pg_sleep(0.05)`); err != nil {
			return err
		}
	}
}

// withDatabase names another database of the same cluster.
func withDatabase(cluster, name string) (string, error) {
	u, err := url.Parse(cluster)
	if err != nil {
		return "", errors.New("want a postgres:// URL") // the error would hold the URL
	}
	u.Path = "/" + name
	return u.String(), nil
}
