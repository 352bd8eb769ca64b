// Package ledger is the record as a Merkle log: what an entry's bytes are, how
// they are hashed into a tree, what is signed of it, and how anyone can check
// all of that without the server. It does no I/O but on the readers and writers
// it is given.
//
// # The log
//
// Entry n is leaf n-1 of an append-only tree as in RFC 6962, made by package
// tlog of golang.org/x/mod. A leaf is the entry's [Leaf] encoding. The tree's
// [Head], its size and root, is signed as a note. Whoever keeps one signed head
// can tell later whether what it covers was changed: the tree of any later head
// must contain the earlier one.
//
// # What it cannot tell
//
// An entry that was never written leaves no trace, and whoever holds the key
// can sign a second history: it is found out by those who remember a head of
// the first.
package ledger
