// Package proxytest runs the real nginx and the real Caddy in tests, from the
// files in examples/gateways, in which nothing but addresses and paths is changed.
//
// Where a program is not installed, the test is skipped; with CI=true it fails.
package proxytest
