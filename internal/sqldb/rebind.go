package sqldb

import (
	"strconv"
	"strings"
)

// rebind turns each "?" that is not inside quotes into $1, $2 and so on. It
// knows '...' and "..." with doubled quotes inside; statements are the
// program's own, so it need not know comments or dollar quotes.
func rebind(text string) string {
	if strings.IndexByte(text, '?') < 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 16)
	n := 0
	var quote byte
	for i := range len(text) {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '?':
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
