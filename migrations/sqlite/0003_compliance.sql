-- +goose Up

-- Counts the policy changes ever made. One row.
CREATE TABLE compliance_generation (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL CHECK (generation >= 0)
) STRICT;
INSERT INTO compliance_generation (id, generation) VALUES (1, 0);

-- Which revision of a policy is the latest, and whether it is in force.
CREATE TABLE compliance_policies (
    name     TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    revision INTEGER NOT NULL CHECK (revision > 0),
    live     INTEGER NOT NULL CHECK (live IN (0, 1))
) STRICT, WITHOUT ROWID;

-- What each revision asks. A revision never changes.
CREATE TABLE compliance_policy_revisions (
    name       TEXT    NOT NULL REFERENCES compliance_policies (name),
    revision   INTEGER NOT NULL CHECK (revision > 0),
    spec       TEXT    NOT NULL CHECK (spec <> ''),
    created_at INTEGER NOT NULL,
    revised_at INTEGER NOT NULL,
    revised_by TEXT    NOT NULL CHECK (revised_by <> ''),
    PRIMARY KEY (name, revision)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER compliance_policy_revisions_no_update BEFORE UPDATE ON compliance_policy_revisions
BEGIN
    SELECT RAISE(ABORT, 'policy revisions never change');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER compliance_policy_revisions_no_delete BEFORE DELETE ON compliance_policy_revisions
BEGIN
    SELECT RAISE(ABORT, 'policy revisions never change');
END;
-- +goose StatementEnd

-- The last report of each device and the verdict on it. There is no index on
-- changes_at or generation: every check-in would have to keep it up, while the
-- sweep that looks for due rows runs once in a while.
CREATE TABLE compliance_reports (
    device_id   TEXT    NOT NULL PRIMARY KEY CHECK (device_id <> ''),
    epoch       INTEGER NOT NULL CHECK (epoch > 0),
    version     INTEGER NOT NULL CHECK (version > 0),
    generation  INTEGER NOT NULL CHECK (generation >= 0),
    observed_at INTEGER NOT NULL,
    standing    INTEGER NOT NULL CHECK (standing IN (1, 2)),
    changes_at  INTEGER,
    report      BLOB    NOT NULL,
    verdict     BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- The epochs of each device that are over: this one and all before. Of those
-- no certificate is recorded any more.
CREATE TABLE compliance_ended_epochs (
    device_id TEXT    NOT NULL PRIMARY KEY CHECK (device_id <> ''),
    epoch     INTEGER NOT NULL CHECK (epoch >= 0)
) STRICT, WITHOUT ROWID;

-- The client certificates issued to devices.
CREATE TABLE compliance_certificates (
    sequence          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT CHECK (sequence > 0),
    serial            TEXT    NOT NULL UNIQUE CHECK (serial <> ''),
    device_id         TEXT    NOT NULL CHECK (device_id <> ''),
    epoch             INTEGER NOT NULL CHECK (epoch > 0),
    alias             TEXT    NOT NULL CHECK (alias <> ''),
    key_sha256        BLOB    NOT NULL CHECK (length(key_sha256) = 32),
    ordinal           INTEGER NOT NULL CHECK (ordinal > 0),
    profile_sha256    BLOB    NOT NULL CHECK (length(profile_sha256) = 32),
    subject           TEXT    NOT NULL,
    not_before_at     INTEGER NOT NULL,
    not_after_at      INTEGER NOT NULL CHECK (not_after_at > not_before_at),
    chain             BLOB    NOT NULL CHECK (length(chain) > 0),
    revoked_at        INTEGER,
    revocation_code   INTEGER CHECK (revocation_code BETWEEN 0 AND 10),
    revocation_reason TEXT,
    UNIQUE (device_id, epoch, alias, key_sha256, ordinal),
    CHECK ((revoked_at IS NULL) = (revocation_code IS NULL)),
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
) STRICT;
CREATE INDEX compliance_certificates_device ON compliance_certificates (device_id, sequence);
CREATE INDEX compliance_certificates_revoked ON compliance_certificates (not_after_at) WHERE revoked_at IS NOT NULL;

-- The last revocation list (number 0: there is none), how many revocations it
-- has seen, and how many there ever were. One row.
CREATE TABLE compliance_revocation_list (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revocations    INTEGER NOT NULL CHECK (revocations >= 0),
    number         INTEGER NOT NULL CHECK (number >= 0),
    listed         INTEGER NOT NULL CHECK (listed >= 0),
    this_update_at INTEGER,
    next_update_at INTEGER,
    der            BLOB,
    CHECK ((number = 0) = (der IS NULL)),
    CHECK ((number = 0) = (this_update_at IS NULL)),
    CHECK ((number = 0) = (next_update_at IS NULL))
) STRICT;
INSERT INTO compliance_revocation_list (id, revocations, number, listed) VALUES (1, 0, 0, 0);
