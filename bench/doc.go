// Package bench compares access decisions with those of other engines: a
// program of map sets as one would write it by hand, CEL, Cedar and OPA. Each is
// given the same policies and sign-ins, and its answers are checked before it is
// measured. It is a module of its own, so that the engines are not in the
// product's go.mod:
//
//	cd bench && go test -bench . -benchmem
package bench
