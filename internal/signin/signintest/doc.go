// Package signintest is an OpenID Connect provider for tests and
// demonstrations: github.com/zitadel/oidc, a certified implementation, over its
// own storage in memory, on a port of 127.0.0.1 that the system chooses. Its
// keys and its fate are in the hands of the test: it can be rotated and be down.
package signintest
