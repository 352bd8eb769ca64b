-- +goose Up

-- The record of what was done. Entries are only ever added: the triggers keep
-- a mistake in a program from rewriting history.
CREATE TABLE audit_entries (
    sequence    INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT CHECK (sequence > 0),
    recorded_at INTEGER NOT NULL,
    actor       TEXT    NOT NULL CHECK (actor <> ''),
    action      TEXT    NOT NULL CHECK (action <> ''),
    target      TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    request_id  TEXT    NOT NULL
) STRICT;

-- Listings run newest first, optionally about one target or by one actor.
CREATE INDEX audit_entries_target ON audit_entries (target, sequence);
CREATE INDEX audit_entries_actor ON audit_entries (actor, sequence);

-- +goose StatementBegin
CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'audit entries are append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'audit entries are append-only');
END;
-- +goose StatementEnd
