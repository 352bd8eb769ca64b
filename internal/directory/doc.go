// Package directory knows the organisation's people and groups, as its identity
// provider tells them over SCIM 2.0 (package scim): who has an account, whether
// it is active, and which groups it is in. Other rooms ask for a name's
// [Standing].
//
//	           ┌────────── disable ─────────▶
//	create ──▶ active                  not active ──┐
//	           ◀────────── enable ──────────┘       │ delete
//	   ▲          │ delete                          ▼
//	   └──────────┴───────────────▶ deleted: known, not active, in no group
//
// What it promises:
//
//   - A person who was disabled or deleted is known and not active, from the
//     moment the provider had its answer. Deleting leaves the name and nothing
//     else; a new account may take the name.
//   - Who is renamed keeps the standing under every name it had, until a new
//     account takes one: a new name is no way around being disabled.
//   - Names and groups are compared in lower case.
//   - Every change is in the record with its cause, and of a person the record
//     names the user name and no more.
//   - What this room is not told to keep it does not: of all that an identity
//     provider can send, it stores user name, display name, the provider's own
//     id, and whether the account is active.
package directory
