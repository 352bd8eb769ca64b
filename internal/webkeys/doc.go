// Package webkeys holds the keys that tokens, events and assertions are signed
// with for the outside: JSON Web Signatures (RFC 7515) that anybody can check
// with the key set that is published (RFC 7517). Phones trust none of them: what
// they obey is signed under the certificate authority.
//
//	          an hour          90 days, or Rotate           7 days
//	made ────────────▶ signs ─────────────────────▶ signed ────────▶ removed
//	└───────────────────── published ──────────────────────┘
//
// What it promises:
//
//   - A key is published an hour before it signs, so that receivers which fetch
//     the set now and then know it in time, and for seven days after, so that
//     what is under way can still be checked. The first key of an algorithm
//     signs at once: there is nobody yet who could not know it.
//   - Servers that share a database share the keys. The keys of an algorithm are
//     numbered, and the number is taken by one of them.
//   - Nothing about a key changes once it is stored. When it signs follows from
//     the keys beside it.
//   - The private half is stored sealed. Only a key that opens is published or
//     trusted: whoever can write to the database cannot add one.
//   - A token is believed for its key's algorithm alone, and for the type that is
//     asked for. A header says algorithm, key and type, once each, and nothing
//     else: no key in a header, no address of one, nothing critical.
package webkeys
