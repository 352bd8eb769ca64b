-- +goose Up

-- The keys that tokens and events are signed with. They are numbered by
-- algorithm, so that of several servers one makes the next. The private half is
-- sealed, with a key that is not in the database.
CREATE TABLE webkeys_keys (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 43),
    algorithm  TEXT    NOT NULL CHECK (algorithm IN ('RS256', 'ES256', 'EdDSA')),
    number     INTEGER NOT NULL CHECK (number > 0),
    sealed_key BLOB    NOT NULL CHECK (length(sealed_key) BETWEEN 32 AND 4096),
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL CHECK (signs_from >= created_at),
    UNIQUE (algorithm, number)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER webkeys_keys_fixed BEFORE UPDATE ON webkeys_keys
BEGIN
    SELECT RAISE(ABORT, 'webkeys_keys never change');
END;
-- +goose StatementEnd
