// Package vault keeps one record secret, whole and newest.
//
//	key store    key "K", which never leaves it, and K's counter
//	                │ wraps
//	slot.0     ┌────▼────────────┬───────────┬────────────────────────────────────┐
//	or slot.1  │ "RFVAULT1" · n  │ secret, n │ nonce · sealed { generation, data } │
//	           └─────────────────┴───────────┴────────────────────────────────────┘
//
// Sealing is AES-256-GCM under the secret (32 random octets), bound to what comes
// before it and to K's name. A Save goes
//
//	the slot that is not in use: write, fsync ─▶ folder: fsync ─▶ counter: raise to the generation ─▶ nil
//
// and counts at one moment, when the counter is raised; the record in use is the
// one whose generation is exactly the counter. So after any crash there is the
// record before or the one after; what was saved (nil) is never lost; and a
// record that was restored from a copy, or taken away, is ErrNotNewest. Each
// generation is above the last by a random number, so that a slot which was
// written and never counted does not pass for a later one.
//
// What it cannot know: whoever restores the key store with the folder rolls both
// back.
package vault
