// Package courier posts events to receivers over HTTP: security event tokens as
// RFC 8935 has it, webhooks as Standard Webhooks 1.0 has it.
package courier
