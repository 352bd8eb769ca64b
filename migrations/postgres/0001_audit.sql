-- +goose Up

-- The record of what was done. Entries are only ever added: the triggers keep
-- a mistake in a program from rewriting history.
CREATE TABLE audit_entries (
    sequence    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (sequence > 0),
    recorded_at BIGINT NOT NULL,
    actor       TEXT   NOT NULL CHECK (actor <> ''),
    action      TEXT   NOT NULL CHECK (action <> ''),
    target      TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    request_id  TEXT   NOT NULL
);

-- Listings run newest first, optionally about one target or by one actor.
CREATE INDEX audit_entries_target ON audit_entries (target, sequence);
CREATE INDEX audit_entries_actor ON audit_entries (actor, sequence);

-- +goose StatementBegin
CREATE FUNCTION audit_entries_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are append-only';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_entries_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_append_only();
