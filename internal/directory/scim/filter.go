package scim

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"ringfence/internal/directory"
)

// Bounds of a filter.
const (
	maxFilter      = 2 << 10 // octets
	maxComparisons = 50
	maxFilterDepth = 10
)

// names says which attributes a filter may look at, in lower case.
type names map[string]directory.Attribute

var (
	userNames = names{
		"id": directory.ID, "username": directory.UserName, "externalid": directory.ExternalID,
		"displayname": directory.DisplayName, "active": directory.Active,
	}
	groupNames = names{
		"id": directory.ID, "externalid": directory.ExternalID, "displayname": directory.DisplayName,
		"members": directory.Member, "members.value": directory.Member,
	}
	// memberNames are those inside members[...].
	memberNames = names{"value": directory.Member}
)

// parseFilter reads a filter of RFC 7644, 3.4.2.2: eq, ne, co, sw, ew, pr, and,
// or, not, parentheses and members[...].
func parseFilter(text string, of names) (directory.Filter, error) {
	if len(text) > maxFilter {
		return directory.Filter{}, bad(invalidFilter, "the filter has more than %d octets", maxFilter)
	}
	p := &filterParser{rest: text, names: of}
	f, err := p.or(0)
	if err == nil {
		p.space()
		if p.rest != "" {
			err = bad(invalidFilter, "the filter goes on where it should end: %.50q", p.rest)
		}
	}
	if err != nil {
		return directory.Filter{}, err
	}
	return f, nil
}

// filterParser descends through a filter.
type filterParser struct {
	rest        string
	names       names
	comparisons int
}

func (p *filterParser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

// take takes a sign, if it is what comes next.
func (p *filterParser) take(sign string) bool {
	p.space()
	var ok bool
	p.rest, ok = strings.CutPrefix(p.rest, sign)
	return ok
}

// word gives the name or keyword that comes next; empty for none.
func (p *filterParser) word() string {
	p.space()
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(":._-$", r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

// keyword takes a keyword, if it is what comes next.
func (p *filterParser) keyword(word string) bool {
	before := p.rest
	if strings.EqualFold(p.word(), word) {
		return true
	}
	p.rest = before
	return false
}

func (p *filterParser) or(depth int) (directory.Filter, error) {
	return p.chain("or", directory.Or, func() (directory.Filter, error) { return p.and(depth) })
}

func (p *filterParser) and(depth int) (directory.Filter, error) {
	return p.chain("and", directory.And, func() (directory.Filter, error) { return p.one(depth) })
}

// chain reads parts with a keyword between them.
func (p *filterParser) chain(word string, operator directory.Operator, next func() (directory.Filter, error)) (directory.Filter, error) {
	first, err := next()
	if err != nil {
		return first, err
	}
	parts := []directory.Filter{first}
	for p.keyword(word) {
		f, err := next()
		if err != nil {
			return f, err
		}
		parts = append(parts, f)
	}
	if len(parts) == 1 {
		return first, nil
	}
	return directory.Filter{Operator: operator, Parts: parts}, nil
}

// one reads a filter in parentheses, its opposite, or a comparison.
func (p *filterParser) one(depth int) (directory.Filter, error) {
	if depth > maxFilterDepth {
		return directory.Filter{}, bad(invalidFilter, "the filter is nested deeper than %d", maxFilterDepth)
	}
	if p.take("(") {
		return p.enclosed(")", depth)
	}
	before := p.rest
	if p.keyword("not") && p.take("(") {
		f, err := p.enclosed(")", depth)
		return opposite(f), err
	}
	p.rest = before
	return p.comparison(depth)
}

func (p *filterParser) enclosed(end string, depth int) (directory.Filter, error) {
	f, err := p.or(depth + 1)
	if err == nil && !p.take(end) {
		err = bad(invalidFilter, "the filter lacks a %q", end)
	}
	return f, err
}

func opposite(f directory.Filter) directory.Filter {
	return directory.Filter{Operator: directory.Not, Parts: []directory.Filter{f}}
}

var operators = map[string]directory.Operator{
	"eq": directory.Equal, "ne": directory.Equal, "co": directory.Contains,
	"sw": directory.StartsWith, "ew": directory.EndsWith, "pr": directory.Present,
}

func (p *filterParser) comparison(depth int) (directory.Filter, error) {
	if p.comparisons++; p.comparisons > maxComparisons {
		return directory.Filter{}, bad(invalidFilter, "the filter has more than %d comparisons", maxComparisons)
	}
	word := p.word()
	name, _ := withoutSchema(word)
	attribute, ok := p.names[name]
	if !ok {
		return directory.Filter{}, bad(invalidFilter, "filters know no attribute %.50q here", word)
	}
	if name == "members" && strings.HasPrefix(p.rest, "[") {
		p.rest = p.rest[1:]
		outside := p.names
		p.names = memberNames
		f, err := p.enclosed("]", depth)
		p.names = outside
		return f, err
	}
	word = strings.ToLower(p.word())
	f := directory.Filter{Attribute: attribute, Operator: operators[word]}
	if f.Operator == 0 {
		return f, bad(invalidFilter, "filters know no operator %.50q", word)
	}
	if f.Operator != directory.Present {
		if err := p.value(&f); err != nil {
			return f, err
		}
	}
	if word == "ne" {
		return opposite(f), nil
	}
	return f, nil
}

// value reads what an attribute is compared with.
func (p *filterParser) value(f *directory.Filter) error {
	var literal any
	if p.space(); strings.HasPrefix(p.rest, `"`) {
		text, err := p.quoted()
		if err != nil {
			return err
		}
		literal = text
	} else if word := p.word(); word == "true" || word == "false" {
		literal = word == "true"
	}
	single := f.Attribute == directory.Active || f.Attribute == directory.Member
	switch v := literal.(type) {
	case string:
		f.Text = v
	case nil:
		return bad(invalidFilter, "filters compare with a text in quotes, or with true and false")
	}
	if single && f.Operator != directory.Equal {
		return bad(invalidFilter, "that attribute can be compared by eq, ne and pr")
	}
	if f.Attribute == directory.Active {
		yes, err := truthOf("active", literal)
		f.Text, f.Yes = "", yes
		if err != nil {
			return bad(invalidFilter, "active is compared with true or false")
		}
		return nil
	}
	if _, ok := literal.(string); !ok {
		return bad(invalidFilter, "that attribute is compared with a text in quotes")
	}
	return nil
}

// quoted reads a JSON string.
func (p *filterParser) quoted() (string, error) {
	for end := 1; end < len(p.rest); end++ {
		switch p.rest[end] {
		case '\\':
			end++
		case '"':
			var text string
			if err := json.Unmarshal([]byte(p.rest[:end+1]), &text); err != nil || !printable(text) {
				return "", bad(invalidFilter, "a text in the filter is none")
			}
			p.rest = p.rest[end+1:]
			return text, nil
		}
	}
	return "", bad(invalidFilter, "a text in the filter has no end")
}

// printable reports whether a text could be a value.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
