// Package container keeps the files of one work account encrypted, in a folder of
// its own, and takes them back by destroying one key.
//
//	key store    key "K", which never leaves it, and K's counter
//	                │ wraps
//	key             account key (32 random octets)
//	                │ HKDF-SHA256, salt: the header       │ HKDF-SHA256, salt: the content's id
//	manifest.0   ┌──▼─────┬────────┬────────┬───┐         │ bound: account, file, version
//	or .1        │ header │ record │ record │ … │   ┌─────▼───┬─────────┬───┬──────┐
//	             └────────┴────────┴───┬────┴───┘   │ block 0 │ block 1 │ … │ last │
//	                                   │            └─────────┴─────────┴───┴──────┘
//	contents/<id>                      └──names──▶  one content of one file
//
//	header  512   "RFMANIF1", random
//	record  n·512 n (2) · nonce (12, random) · sealed { generation (8) · changes · zeros } · tag (16)
//	              sealed with the record's number and the tag of the record before
//	change        1 · file (16) · version (8) · size (8) · content (16) · length (1) · name
//	              2 · file (16): it is gone
//	block         65536 octets, the last one 0 to 65536 · tag (16)
//	              nonce: number (8) · last? (1) · 0 0 0
//	              sealed with account · file · version · nonce
//
// All sealing is AES-256-GCM, and numbers are big-endian. A content is written
// once, from its beginning to its end, under a key of its own, so that each of its
// counted nonces comes once. Records have random nonces, because one may go where
// another was lost.
//
// # How a change becomes durable
//
//	content: write, fsync ─▶ contents/: fsync ─▶ record: write, fsync ─▶ counter: raise ─▶ nil ─▶ old content: remove
//
// Nothing is overwritten and nothing is renamed. The newest record is the one
// whose generation is exactly the counter; each generation is above the last by a
// random number. So the counter is what makes a change count, at one moment: what
// a crash leaves before it is as good as never written, and is swept away when the
// container is opened. When half of a manifest is history, a new one is written
// into the other file, and counts by the same step.
//
// # What is promised
//
//   - What was acknowledged (Commit, Rename, Remove, WriteFile returned nil) is
//     there after any crash, and what was not has happened wholly or not at all.
//     That leans on a disk which writes a sector of 512 octets whole and keeps
//     what was synced.
//   - No plaintext comes out that was not written as that part of that version of
//     that file of that account. Bits flipped, blocks moved, files exchanged or
//     cut off, older versions put in place: ErrDamaged, for that file or for all.
//   - An older state of the whole container is ErrRolledBack, and so is an empty
//     folder.
//   - Once the key in the key store is destroyed, which is the first step of a
//     wipe, the container and all copies of it are unreadable, also if the wipe
//     gets no further, and also beside a new container of the same account.
//   - Names are encrypted with the manifest: nothing outside depends on a name.
//     They are plain in memory while the container is open, and no error quotes
//     one.
//   - Nothing outside the folder is opened, and no symbolic link is followed in
//     it, nor is the folder if it is one. What somebody else put into the folder
//     is left alone, by a wipe too.
//   - One process has a container open at a time; in it, everything may be used
//     by several goroutines at once.
//
// # What is not
//
//   - Whoever can restore the key store together with the folder can roll both
//     back. Whoever can read this process's memory has the keys; they are forgotten
//     on Close as far as Go allows that.
//   - A rollback is seen when the container or the file is opened next. Damage
//     to a content is seen when it is read, not before, and nothing is repaired:
//     whoever can write to the folder can destroy what is in it.
//   - A change that was written and never counted, and that somebody kept, has one
//     chance in 2^32 to pass for the one that came in its place.
//   - The folder tells how many files there are, how large each is and when it was
//     changed, and about how often the container was.
//   - A removed file is unlinked. Until the wipe, what a disk keeps of its blocks
//     can be read by whoever has the account key.
//   - There is no writing in the middle of a file: it is written anew. A database
//     does not go into a container as its file.
//   - A process that has the container open when another wipes it reads on until
//     it closes the container. It can write nothing any more.
package container
