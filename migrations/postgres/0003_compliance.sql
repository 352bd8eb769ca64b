-- +goose Up

-- Counts the policy changes ever made. One row.
CREATE TABLE compliance_generation (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    generation BIGINT NOT NULL CHECK (generation >= 0)
);
INSERT INTO compliance_generation (id, generation) VALUES (1, 0);

-- Which revision of a policy is the latest, and whether it is in force. Names
-- sort by byte here as everywhere else in the program.
CREATE TABLE compliance_policies (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    revision BIGINT           NOT NULL CHECK (revision > 0),
    live     BIGINT           NOT NULL CHECK (live IN (0, 1))
);

-- What each revision asks. A revision never changes.
CREATE TABLE compliance_policy_revisions (
    name       TEXT COLLATE "C" NOT NULL REFERENCES compliance_policies (name),
    revision   BIGINT           NOT NULL CHECK (revision > 0),
    spec       TEXT             NOT NULL CHECK (spec <> ''),
    created_at BIGINT           NOT NULL,
    revised_at BIGINT           NOT NULL,
    revised_by TEXT             NOT NULL CHECK (revised_by <> ''),
    PRIMARY KEY (name, revision)
);

-- +goose StatementBegin
CREATE FUNCTION compliance_policy_revisions_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'policy revisions never change';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER compliance_policy_revisions_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON compliance_policy_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_policy_revisions_immutable();

-- The last report of each device and the verdict on it. There is no index on
-- changes_at or generation: every check-in would have to keep it up, while the
-- sweep that looks for due rows runs once in a while. Pages keep room so that
-- a new version of a row stays beside the old one.
CREATE TABLE compliance_reports (
    device_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (device_id <> ''),
    epoch       BIGINT           NOT NULL CHECK (epoch > 0),
    version     BIGINT           NOT NULL CHECK (version > 0),
    generation  BIGINT           NOT NULL CHECK (generation >= 0),
    observed_at BIGINT           NOT NULL,
    standing    BIGINT           NOT NULL CHECK (standing IN (1, 2)),
    changes_at  BIGINT,
    report      BYTEA            NOT NULL,
    verdict     BYTEA            NOT NULL
) WITH (fillfactor = 50);

-- The epochs of each device that are over: this one and all before. Of those
-- no certificate is recorded any more.
CREATE TABLE compliance_ended_epochs (
    device_id TEXT   NOT NULL PRIMARY KEY CHECK (device_id <> ''),
    epoch     BIGINT NOT NULL CHECK (epoch >= 0)
);

-- The client certificates issued to devices.
CREATE TABLE compliance_certificates (
    sequence          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (sequence > 0),
    serial            TEXT   NOT NULL UNIQUE CHECK (serial <> ''),
    device_id         TEXT   NOT NULL CHECK (device_id <> ''),
    epoch             BIGINT NOT NULL CHECK (epoch > 0),
    alias             TEXT   NOT NULL CHECK (alias <> ''),
    key_sha256        BYTEA  NOT NULL CHECK (length(key_sha256) = 32),
    ordinal           BIGINT NOT NULL CHECK (ordinal > 0),
    profile_sha256    BYTEA  NOT NULL CHECK (length(profile_sha256) = 32),
    subject           TEXT   NOT NULL,
    not_before_at     BIGINT NOT NULL,
    not_after_at      BIGINT NOT NULL CHECK (not_after_at > not_before_at),
    chain             BYTEA  NOT NULL CHECK (length(chain) > 0),
    revoked_at        BIGINT,
    revocation_code   BIGINT CHECK (revocation_code BETWEEN 0 AND 10),
    revocation_reason TEXT,
    UNIQUE (device_id, epoch, alias, key_sha256, ordinal),
    CHECK ((revoked_at IS NULL) = (revocation_code IS NULL)),
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
);
CREATE INDEX compliance_certificates_device ON compliance_certificates (device_id, sequence);
CREATE INDEX compliance_certificates_revoked ON compliance_certificates (not_after_at) WHERE revoked_at IS NOT NULL;

-- The last revocation list (number 0: there is none), how many revocations it
-- has seen, and how many there ever were. One row.
CREATE TABLE compliance_revocation_list (
    id             BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revocations    BIGINT NOT NULL CHECK (revocations >= 0),
    number         BIGINT NOT NULL CHECK (number >= 0),
    listed         BIGINT NOT NULL CHECK (listed >= 0),
    this_update_at BIGINT,
    next_update_at BIGINT,
    der            BYTEA,
    CHECK ((number = 0) = (der IS NULL)),
    CHECK ((number = 0) = (this_update_at IS NULL)),
    CHECK ((number = 0) = (next_update_at IS NULL))
);
INSERT INTO compliance_revocation_list (id, revocations, number, listed) VALUES (1, 0, 0, 0);
