-- +goose Up

-- Where an entry came from and with which credential: the address of an
-- administrator, never of a phone.
ALTER TABLE audit_entries ADD COLUMN peer TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN credential TEXT NOT NULL DEFAULT '';

-- From here on a sequence is the entry's place in the log, given by whoever
-- holds the log's row. An identity leaves gaps where transactions were undone:
-- they are closed, which renumbers what follows them, in the same order.
ALTER TABLE audit_entries ALTER COLUMN sequence DROP IDENTITY;
ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_no_change;
ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_pkey;
UPDATE audit_entries SET sequence = numbered.place
FROM (SELECT sequence AS was, row_number() OVER (ORDER BY sequence) AS place FROM audit_entries) AS numbered
WHERE audit_entries.sequence = numbered.was AND numbered.was <> numbered.place;
ALTER TABLE audit_entries ADD PRIMARY KEY (sequence);
ALTER TABLE audit_entries ENABLE TRIGGER audit_entries_no_change;

-- The record as a Merkle log: entry n is leaf n-1. A row holds, one after the
-- other, the hashes that came with the entry of its sequence and with those
-- that follow up to the next row: an entry's leaf, then the subtrees that the
-- entry completes.
CREATE TABLE audit_hashes (
    sequence BIGINT NOT NULL PRIMARY KEY CHECK (sequence > 0),
    hashes   BYTEA  NOT NULL CHECK (length(hashes) > 0 AND length(hashes) % 32 = 0)
);

-- The log's one right edge: how many entries it has, and the roots of the
-- complete subtrees they fall into. Entries up to legacy are older than the log
-- and are taken into it when this database is first opened. The row is updated
-- all the time: room is left for that.
CREATE TABLE audit_log (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    size   BIGINT  NOT NULL CHECK (size >= 0),
    peaks  BYTEA   NOT NULL CHECK (length(peaks) % 32 = 0),
    legacy BIGINT  NOT NULL CHECK (legacy >= 0)
) WITH (fillfactor = 10);

INSERT INTO audit_log (id, size, peaks, legacy) SELECT 1, 0, ''::bytea, count(*) FROM audit_entries;

-- What was signed of the log: heads as notes.
CREATE TABLE audit_heads (
    size      BIGINT NOT NULL PRIMARY KEY CHECK (size >= 0),
    note      TEXT   NOT NULL CHECK (note <> ''),
    signed_at BIGINT NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_hashes_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_hashes
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();

CREATE TRIGGER audit_heads_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();

CREATE TRIGGER audit_log_stays BEFORE DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();

CREATE TRIGGER audit_log_grows BEFORE UPDATE ON audit_log
    FOR EACH ROW WHEN (NEW.size <= OLD.size) EXECUTE FUNCTION audit_log_append_only();
