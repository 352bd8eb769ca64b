-- +goose Up

-- How far each channel has told the record: up to and with the entry of this
-- sequence. Whoever is telling holds a claim, so that of several servers one
-- tells; a claim that ran out is anybody's.
CREATE TABLE notify_cursors (
    channel       TEXT    NOT NULL PRIMARY KEY CHECK (channel <> ''),
    sequence      INTEGER NOT NULL CHECK (sequence >= 0),
    claimed_by    TEXT    CHECK (claimed_by <> ''),
    claimed_until INTEGER,

    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))
) STRICT, WITHOUT ROWID;
