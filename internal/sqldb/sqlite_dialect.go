package sqldb

import (
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// sqliteDialector teaches gorm SQLite over any database/sql driver. It is our
// own because the known ones bring a driver along, in C or in another
// translation. It has no savepoints: transactions are Write's.
type sqliteDialector struct{ pool gorm.ConnPool }

// Name is what gorm calls the dialect.
func (sqliteDialector) Name() string { return "sqlite" }

// Initialize registers gorm's callbacks and the clauses SQLite writes in its
// own way.
func (d sqliteDialector) Initialize(db *gorm.DB) error {
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	db.ConnPool = d.pool
	db.ClauseBuilders["LIMIT"] = buildLimit
	db.ClauseBuilders["FOR"] = buildFor
	return nil
}

// buildLimit writes LIMIT -1 for an offset without a limit: SQLite has no
// OFFSET on its own.
func buildLimit(c clause.Clause, b clause.Builder) {
	limit, ok := c.Expression.(clause.Limit)
	if !ok {
		c.Build(b)
		return
	}
	n := -1
	if limit.Limit != nil && *limit.Limit >= 0 {
		n = *limit.Limit
	}
	if n < 0 && limit.Offset <= 0 {
		return
	}
	// Errors of a builder are kept in its statement.
	_, _ = b.WriteString("LIMIT " + strconv.Itoa(n))
	if limit.Offset > 0 {
		_, _ = b.WriteString(" OFFSET " + strconv.Itoa(limit.Offset))
	}
}

// buildFor leaves FOR UPDATE out: whoever writes has the database to itself.
func buildFor(c clause.Clause, b clause.Builder) {
	if _, ok := c.Expression.(clause.Locking); !ok {
		c.Build(b)
	}
}

// BindVarTo writes a placeholder.
func (sqliteDialector) BindVarTo(w clause.Writer, _ *gorm.Statement, _ any) { _ = w.WriteByte('?') }

// QuoteTo writes a name, which may be table.column, in standard quotes.
func (sqliteDialector) QuoteTo(w clause.Writer, name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			_ = w.WriteByte('.')
		}
		if len(part) >= 2 && part[0] == '"' && part[len(part)-1] == '"' {
			part = strings.ReplaceAll(part[1:len(part)-1], `""`, `"`)
		}
		_, _ = w.WriteString(`"` + strings.ReplaceAll(part, `"`, `""`) + `"`)
	}
}

// DefaultValueOf stands for a value the database gives: NULL is how SQLite
// asks for the next key.
func (sqliteDialector) DefaultValueOf(*schema.Field) clause.Expression {
	return clause.Expr{SQL: "NULL"}
}

// DataTypeOf names a field's type, for messages: tables are made by migrations.
func (sqliteDialector) DataTypeOf(f *schema.Field) string {
	switch f.DataType {
	case schema.Bool, schema.Int, schema.Uint, schema.Time:
		return "integer"
	case schema.Float:
		return "real"
	case schema.String:
		return "text"
	case schema.Bytes:
		return "blob"
	default:
		return string(f.DataType)
	}
}

// Explain writes a statement with its values, for gorm's dry runs.
func (sqliteDialector) Explain(sql string, vars ...any) string {
	return logger.ExplainSQL(sql, nil, `'`, vars...)
}

// Migrator is never asked: see withoutMigrator.
func (sqliteDialector) Migrator(*gorm.DB) gorm.Migrator { return refusing{} }
