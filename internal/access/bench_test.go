package access_test

import (
	"fmt"
	"testing"

	"ringfence/internal/access"
	"ringfence/internal/access/accesstest"
)

// BenchmarkDecide decides one sign-in on 50, 500 and 5,000 policies.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{50, 500, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, err := access.Compile(access.Ruleset{Policies: accesstest.Policies(n)})
			if err != nil {
				b.Fatal(err)
			}
			in, facts := accesstest.SignIn()
			b.ReportAllocs()
			for b.Loop() {
				access.Decide(s, &in, &facts, accesstest.Now)
			}
		})
	}
}

// BenchmarkExplain gives all the reasons of one decision on 50 policies.
func BenchmarkExplain(b *testing.B) {
	s, err := access.Compile(access.Ruleset{Policies: accesstest.Policies(50)})
	if err != nil {
		b.Fatal(err)
	}
	in, facts := accesstest.SignIn()
	d := access.Decide(s, &in, &facts, accesstest.Now)
	b.ReportAllocs()
	for b.Loop() {
		d.Explain()
	}
}
