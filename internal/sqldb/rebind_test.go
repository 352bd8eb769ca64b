package sqldb

import "testing"

func TestRebind(t *testing.T) {
	tests := []struct{ text, want string }{
		{`SELECT 1`, `SELECT 1`},
		{`a = ? AND b = ?`, `a = $1 AND b = $2`},
		{`a = '?' AND b = ?`, `a = '?' AND b = $1`},
		{`a = 'it''s ?' AND b = ?`, `a = 'it''s ?' AND b = $1`},
		{`"odd?" = ? AND "a""?" = ?`, `"odd?" = $1 AND "a""?" = $2`},
		{`'"?' = ?`, `'"?' = $1`},
		{`(?,?,?,?,?,?,?,?,?,?,?)`, `($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`},
		{`é = ?`, `é = $1`},
	}
	for _, tt := range tests {
		if got := rebind(tt.text); got != tt.want {
			t.Errorf("rebind(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
