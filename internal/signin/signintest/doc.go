// Package signintest is an OpenID Connect provider for tests and
// demonstrations: github.com/zitadel/oidc over its own storage in memory, on a
// port of 127.0.0.1 that the system chooses. Its keys and its fate are in the
// hands of the test: they can be rotated, and it can be down.
package signintest
