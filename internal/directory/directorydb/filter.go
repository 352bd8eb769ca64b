package directorydb

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"ringfence/internal/directory"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// listed is a table as filters see it.
type listed struct {
	dialect sqldb.Dialect
	// columns are those of texts. Those of keys are told apart: names are
	// compared in their form.
	columns, keys map[directory.Attribute]string
	// special makes the condition of an attribute that is no text.
	special func(f directory.Filter) (string, []any, bool)
}

func (s *Store) users() listed {
	return listed{
		dialect: s.db.Dialect(),
		columns: map[directory.Attribute]string{directory.ID: "id", directory.ExternalID: "external_id"},
		keys:    map[directory.Attribute]string{directory.UserName: "user_key", directory.DisplayName: "display_key"},
		special: func(f directory.Filter) (string, []any, bool) {
			switch {
			case f.Attribute == directory.Active && f.Operator == directory.Equal:
				return "active = ?", []any{number(f.Yes)}, true
			case f.Attribute == directory.Active && f.Operator == directory.Present:
				return "1 = 1", nil, true
			default:
				return "", nil, false
			}
		},
	}
}

func (s *Store) groups() listed {
	const members = "SELECT 1 FROM directory_members WHERE directory_members.group_id = directory_groups.id"
	return listed{
		dialect: s.db.Dialect(),
		columns: map[directory.Attribute]string{directory.ID: "id", directory.ExternalID: "external_id"},
		keys:    map[directory.Attribute]string{directory.DisplayName: "display_key"},
		special: func(f directory.Filter) (string, []any, bool) {
			switch {
			case f.Attribute == directory.Member && f.Operator == directory.Equal:
				return "EXISTS (" + members + " AND directory_members.user_id = ?)", []any{f.Text}, true
			case f.Attribute == directory.Member && f.Operator == directory.Present:
				return "EXISTS (" + members + ")", nil, true
			default:
				return "", nil, false
			}
		},
	}
}

// errFilter is for filters that nothing but a mistake in the program makes.
var errFilter = fault.New(fault.Internal, "", "a filter is malformed")

// where gives a filter's condition and the values in it.
func (l listed) where(f directory.Filter) (string, []any, error) {
	switch f.Operator {
	case directory.And:
		return l.join(f.Parts, " AND ")
	case directory.Or:
		return l.join(f.Parts, " OR ")
	case directory.Not:
		text, args, err := l.join(f.Parts, " OR ")
		return "NOT " + text, args, err
	}
	if text, args, ok := l.special(f); ok {
		return text, args, nil
	}
	if column, ok := l.columns[f.Attribute]; ok {
		return l.compare(column, f.Operator, f.Text)
	}
	if column, ok := l.keys[f.Attribute]; ok {
		return l.compare(column, f.Operator, directory.Key(f.Text))
	}
	return "", nil, errFilter
}

func (l listed) join(parts []directory.Filter, word string) (string, []any, error) {
	if len(parts) == 0 {
		return "", nil, errFilter
	}
	var (
		texts []string
		all   []any
	)
	for _, p := range parts {
		text, args, err := l.where(p)
		if err != nil {
			return "", nil, err
		}
		texts, all = append(texts, text), append(all, args...)
	}
	return "(" + strings.Join(texts, word) + ")", all, nil
}

// compare compares octet by octet, without LIKE: it has signs of its own, and
// SQLite's takes no notice of case. substr counts characters on both dialects.
func (l listed) compare(column string, operator directory.Operator, text string) (string, []any, error) {
	length := utf8.RuneCountInString(text)
	find := "instr"
	if l.dialect == sqldb.Postgres {
		find = "strpos"
	}
	switch operator {
	case directory.Equal:
		return column + " = ?", []any{text}, nil
	case directory.Present:
		return column + " <> ''", nil, nil
	case directory.Contains:
		return fmt.Sprintf("%s(%s, ?) > 0", find, column), []any{text}, nil
	case directory.StartsWith:
		return fmt.Sprintf("substr(%s, 1, ?) = ?", column), []any{length, text}, nil
	case directory.EndsWith:
		return fmt.Sprintf("(length(%s) >= ? AND substr(%s, length(%s) - ? + 1) = ?)", column, column, column),
			[]any{length, length, text}, nil
	default:
		return "", nil, errFilter
	}
}

// list reads what a query asks for into rows, a pointer to a slice, and counts
// what its filter lets through.
func (l listed) list(from func() *gorm.DB, q directory.Query, rows any) (int, error) {
	find := from()
	if q.Filter != nil {
		text, args, err := l.where(*q.Filter)
		if err != nil {
			return 0, err
		}
		find = find.Where(text, args...)
	}
	find = find.Session(&gorm.Session{})
	var total int64
	if err := find.Count(&total).Error; err != nil {
		return 0, sqldb.Fault(err)
	}
	if q.Limit <= 0 || int64(q.Skip) >= total {
		return int(total), nil
	}
	err := find.Order("created_at, id").Offset(q.Skip).Limit(q.Limit).Find(rows).Error
	return int(total), sqldb.Fault(err)
}
