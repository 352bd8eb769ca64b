// Package pin keeps what is needed to know a PIN again, and not the PIN.
//
//	PIN ──Argon2id, salt──▶ ──HMAC-SHA256, secret of the account──▶ verifier
//
// The secret (32 octets) is wrapped by the phone's key store, so that a verifier
// that was carried off cannot be guessed at elsewhere; on the phone a guess costs
// what Argon2id costs. Where to keep verifiers, and how wrong PINs are counted,
// is the caller's: it counts before it asks.
package pin
