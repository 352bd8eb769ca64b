-- +goose Up

-- Where an entry came from and with which credential: the address of an
-- administrator, never of a phone.
ALTER TABLE audit_entries ADD COLUMN peer TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN credential TEXT NOT NULL DEFAULT '';

-- The record as a Merkle log: entry n is leaf n-1. A row holds, one after the
-- other, the hashes that came with the entry of its sequence and with those
-- that follow up to the next row: an entry's leaf, then the subtrees that the
-- entry completes.
CREATE TABLE audit_hashes (
    sequence INTEGER NOT NULL PRIMARY KEY CHECK (sequence > 0),
    hashes   BLOB    NOT NULL CHECK (length(hashes) > 0 AND length(hashes) % 32 = 0)
) STRICT;

-- The log's one right edge: how many entries it has, and the roots of the
-- complete subtrees they fall into. Entries up to legacy are older than the log
-- and are taken into it when this database is first opened.
CREATE TABLE audit_log (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    size   INTEGER NOT NULL CHECK (size >= 0),
    peaks  BLOB    NOT NULL CHECK (length(peaks) % 32 = 0),
    legacy INTEGER NOT NULL CHECK (legacy >= 0)
) STRICT;

INSERT INTO audit_log (id, size, peaks, legacy) SELECT 1, 0, x'', count(*) FROM audit_entries;

-- What was signed of the log: heads as notes.
CREATE TABLE audit_heads (
    size      INTEGER NOT NULL PRIMARY KEY CHECK (size >= 0),
    note      TEXT    NOT NULL CHECK (note <> ''),
    signed_at INTEGER NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER audit_hashes_no_update BEFORE UPDATE ON audit_hashes
BEGIN
    SELECT RAISE(ABORT, 'audit hashes are append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_hashes_no_delete BEFORE DELETE ON audit_hashes
BEGIN
    SELECT RAISE(ABORT, 'audit hashes are append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_heads_no_update BEFORE UPDATE ON audit_heads
BEGIN
    SELECT RAISE(ABORT, 'audit heads are append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_heads_no_delete BEFORE DELETE ON audit_heads
BEGIN
    SELECT RAISE(ABORT, 'audit heads are append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_log_grows BEFORE UPDATE ON audit_log WHEN NEW.size <= OLD.size
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_log_stays BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
-- +goose StatementEnd
