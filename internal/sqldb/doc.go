// Package sqldb opens SQLite or PostgreSQL, brings its schema up to date, runs
// transactions and turns drivers' errors into faults.
//
// # Reading and writing
//
// [DB.Read] gives gorm on a connection that cannot write: on both dialects the
// database itself refuses. [DB.Write] is the only way to change anything. It
// returns nil only once the change is durable.
//
// # SQLite: group commit
//
// One goroutine owns the one connection that writes. It takes every Write that
// waits, runs them one after the other, each in its own savepoint, and commits
// them together: one fsync for all. A Write that fails undoes only itself; if
// the commit fails, all of them fail. While it runs, a Write has the database
// to itself, so its function must be short and must wait for nothing else: not
// for the network, and not for another Write, which would never begin.
//
// A lock file beside the database keeps a second process out.
//
// # PostgreSQL
//
// A Write is a transaction of its own at READ COMMITTED, which is run again
// after a deadlock or a serialization failure. Several servers may share one
// database: compare-and-swap for whatever two of them can change.
//
// # The record
//
// [Tx.Record] explains a change. Before the commit its entries are appended to
// the audit log, a Merkle tree, in the same transaction: entry and hashes are
// there with the change, or neither is. The log has one right edge. On SQLite a
// batch reads and writes it once. On PostgreSQL its row is locked last, so that
// no other lock is ever waited for while it is held, and until the commit:
// changes that are recorded commit one after the other, in the order of their
// sequences, and no number is left out. What records nothing waits for nobody.
package sqldb
