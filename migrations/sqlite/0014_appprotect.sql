-- +goose Up

-- Counts the changes of policies and apps ever made. One row.
CREATE TABLE appprotect_generation (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL CHECK (generation >= 0)
) STRICT;
INSERT INTO appprotect_generation (id, generation) VALUES (1, 0);

-- Which revision of a policy is the latest, and whether it is in force. The row
-- of a deleted policy stays, so that its number is never used again.
CREATE TABLE appprotect_policies (
    name     TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    revision INTEGER NOT NULL CHECK (revision > 0),
    live     INTEGER NOT NULL CHECK (live IN (0, 1))
) STRICT, WITHOUT ROWID;

-- What each revision asks: JSON. A revision never changes.
CREATE TABLE appprotect_policy_revisions (
    name       TEXT NOT NULL REFERENCES appprotect_policies (name),
    revision   INTEGER NOT NULL CHECK (revision > 0),
    spec       TEXT NOT NULL CHECK (length(spec) BETWEEN 2 AND 16777216),
    created_at INTEGER NOT NULL,
    revised_at INTEGER NOT NULL,
    revised_by TEXT NOT NULL CHECK (revised_by <> ''),
    PRIMARY KEY (name, revision)
) STRICT;

-- What is known of an app: JSON. Of a deleted one the row stays, and counts on.
CREATE TABLE appprotect_apps (
    package    TEXT NOT NULL PRIMARY KEY CHECK (package <> ''),
    version    INTEGER NOT NULL CHECK (version > 0),
    live       INTEGER NOT NULL CHECK (live IN (0, 1)),
    content    TEXT CHECK (length(content) BETWEEN 2 AND 16777216),
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL CHECK (changed_by <> ''),
    CHECK ((live = 1) = (content IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Whose each name is, for ever: the account that used it first.
CREATE TABLE appprotect_names (
    name    TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    issuer  TEXT NOT NULL CHECK (issuer <> ''),
    subject TEXT NOT NULL CHECK (subject <> ''),
    UNIQUE (name, issuer, subject)
) STRICT, WITHOUT ROWID;

-- The people, each by the name they signed in with last: one of their own.
CREATE TABLE appprotect_people (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    name    TEXT NOT NULL UNIQUE,
    PRIMARY KEY (issuer, subject),
    FOREIGN KEY (name, issuer, subject) REFERENCES appprotect_names (name, issuer, subject)
) STRICT, WITHOUT ROWID;

-- One work account in one app on one phone. Epoch is the latest.
CREATE TABLE appprotect_registrations (
    id            TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 8 AND 64),
    version       INTEGER NOT NULL CHECK (version >= epoch),
    epoch         INTEGER NOT NULL CHECK (epoch > 0),
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    tag           TEXT NOT NULL CHECK (tag <> ''),
    package       TEXT NOT NULL CHECK (package <> ''),
    -- As the provider named them at the last sign-in: JSON.
    person_groups TEXT NOT NULL CHECK (person_groups <> ''),
    created_at    INTEGER NOT NULL,
    UNIQUE (issuer, subject, tag, package),
    FOREIGN KEY (issuer, subject) REFERENCES appprotect_people (issuer, subject)
) STRICT;

CREATE INDEX appprotect_registrations_order ON appprotect_registrations (created_at, id);
CREATE INDEX appprotect_registrations_tag ON appprotect_registrations (tag, created_at, id);
CREATE INDEX appprotect_registrations_package ON appprotect_registrations (package, created_at, id);

-- Every epoch there ever was, how it ended, and, where the app wiped the account
-- by itself, what it signed: the bytes are kept as they came.
CREATE TABLE appprotect_epochs (
    registration_id  TEXT NOT NULL REFERENCES appprotect_registrations (id),
    epoch            INTEGER NOT NULL CHECK (epoch > 0),
    request_digest   BLOB NOT NULL UNIQUE CHECK (length(request_digest) = 32),
    signer_sha256    TEXT NOT NULL CHECK (length(signer_sha256) = 64),
    level            INTEGER NOT NULL CHECK (level BETWEEN 1 AND 3),
    app_version      TEXT NOT NULL,
    sdk_version      TEXT NOT NULL,
    registered_at    INTEGER NOT NULL,
    ended_at         INTEGER,
    end_why          TEXT CHECK (end_why IN ('signed-out', 'self-wiped', 'wiped', 'registered-again', 'retired')),
    end_detail       TEXT,
    wipe_cause       TEXT CHECK (wipe_cause IN ('lease', 'pin')),
    wipe_lease       INTEGER CHECK (wipe_lease >= 0),
    wipe_policy      TEXT,
    wipe_finished_at INTEGER,
    wipe_files       INTEGER CHECK (wipe_files >= 0),
    wipe_bytes       INTEGER CHECK (wipe_bytes >= 0),
    wipe_content     BLOB CHECK (length(wipe_content) BETWEEN 1 AND 65536),
    wipe_signature   BLOB CHECK (length(wipe_signature) BETWEEN 1 AND 1024),
    -- DER, one after the other, leaf first.
    wipe_chain       BLOB CHECK (length(wipe_chain) BETWEEN 1 AND 65536),
    PRIMARY KEY (registration_id, epoch),
    CHECK ((ended_at IS NULL) = (end_why IS NULL)),
    CHECK ((ended_at IS NULL) = (end_detail IS NULL)),
    CHECK ((wipe_cause IS NOT NULL) = COALESCE(end_why = 'self-wiped', 0)),
    CHECK ((wipe_cause IS NULL) = (wipe_lease IS NULL)),
    CHECK ((wipe_cause IS NULL) = (wipe_policy IS NULL)),
    CHECK ((wipe_cause IS NULL) = (wipe_finished_at IS NULL)),
    CHECK ((wipe_cause IS NULL) = (wipe_files IS NULL)),
    CHECK ((wipe_cause IS NULL) = (wipe_bytes IS NULL)),
    CHECK ((wipe_cause IS NULL) = (wipe_content IS NULL)),
    CHECK ((wipe_cause IS NULL) = (wipe_signature IS NULL)),
    CHECK ((wipe_cause IS NULL) = (wipe_chain IS NULL))
) STRICT;

-- A registration has at most one epoch that lasts.
CREATE UNIQUE INDEX appprotect_epochs_lasting ON appprotect_epochs (registration_id) WHERE ended_at IS NULL;

-- Every key that was ever certified, and the one epoch it is of.
CREATE TABLE appprotect_keys (
    digest          BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    registration_id TEXT NOT NULL,
    epoch           INTEGER NOT NULL,
    UNIQUE (digest, registration_id, epoch),
    FOREIGN KEY (registration_id, epoch) REFERENCES appprotect_epochs (registration_id, epoch)
) STRICT, WITHOUT ROWID;

-- Every certificate of an app that was ever issued.
CREATE TABLE appprotect_certificates (
    serial          TEXT NOT NULL PRIMARY KEY CHECK (serial <> ''),
    registration_id TEXT NOT NULL,
    epoch           INTEGER NOT NULL,
    key_digest      BLOB NOT NULL,
    -- 1 for the one that the epoch was opened with.
    opening         INTEGER NOT NULL CHECK (opening IN (0, 1)),
    -- DER, one after the other, leaf first.
    chain           BLOB NOT NULL CHECK (length(chain) BETWEEN 1 AND 65536),
    issued_at       INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL CHECK (expires_at > issued_at),
    FOREIGN KEY (key_digest, registration_id, epoch) REFERENCES appprotect_keys (digest, registration_id, epoch)
) STRICT;

CREATE UNIQUE INDEX appprotect_certificates_opening ON appprotect_certificates (registration_id, epoch) WHERE opening = 1;

-- Challenges that were given out and not used. Of each there is its hash.
CREATE TABLE appprotect_challenges (
    hash       BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    package    TEXT NOT NULL CHECK (package <> ''),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX appprotect_challenges_package ON appprotect_challenges (package, expires_at);
CREATE INDEX appprotect_challenges_expiry ON appprotect_challenges (expires_at);

-- How an epoch goes: the last report and the verdict on it, JSON. There is a row
-- for as long as the epoch lasts, in version 0 until the first verdict. Every
-- check-in writes it, so that nothing else is indexed.
CREATE TABLE appprotect_states (
    registration_id TEXT NOT NULL PRIMARY KEY REFERENCES appprotect_registrations (id),
    epoch           INTEGER NOT NULL CHECK (epoch > 0),
    version         INTEGER NOT NULL CHECK (version >= 0),
    generation      INTEGER NOT NULL CHECK (generation >= 0),
    number          INTEGER NOT NULL CHECK (number >= 0),
    report_digest   BLOB NOT NULL CHECK (length(report_digest) = 32),
    heard_at        INTEGER,
    standing        INTEGER CHECK (standing BETWEEN 1 AND 4),
    changes_at      INTEGER,
    intended        TEXT NOT NULL,
    report          TEXT,
    verdict         TEXT,
    CHECK ((version = 0) = (verdict IS NULL)),
    CHECK ((standing IS NULL) = (verdict IS NULL)),
    CHECK ((number = 0) = (report IS NULL))
) STRICT, WITHOUT ROWID;

-- The count of changes goes up one by one.
-- +goose StatementBegin
CREATE TRIGGER appprotect_generation_fixed BEFORE UPDATE ON appprotect_generation
WHEN NEW.id <> OLD.id OR NEW.generation <> OLD.generation + 1
BEGIN
    SELECT RAISE(ABORT, 'the generation counts up');
END;
-- +goose StatementEnd

-- A name keeps its numbers: the latest goes up one by one, or stays.
-- +goose StatementBegin
CREATE TRIGGER appprotect_policies_fixed BEFORE UPDATE ON appprotect_policies
WHEN NEW.name <> OLD.name OR NEW.revision NOT IN (OLD.revision, OLD.revision + 1)
BEGIN
    SELECT RAISE(ABORT, 'the revisions of a policy count up');
END;
-- +goose StatementEnd

-- So does the version of an app.
-- +goose StatementBegin
CREATE TRIGGER appprotect_apps_fixed BEFORE UPDATE ON appprotect_apps
WHEN NEW.package <> OLD.package OR NEW.version NOT IN (OLD.version, OLD.version + 1)
BEGIN
    SELECT RAISE(ABORT, 'the versions of an app count up');
END;
-- +goose StatementEnd

-- A person may take another name, and stays the same account.
-- +goose StatementBegin
CREATE TRIGGER appprotect_people_fixed BEFORE UPDATE ON appprotect_people
WHEN NEW.issuer <> OLD.issuer OR NEW.subject <> OLD.subject
BEGIN
    SELECT RAISE(ABORT, 'a person stays the same account');
END;
-- +goose StatementEnd

-- Whose account it is, in which app and where, is fixed; epochs count up.
-- +goose StatementBegin
CREATE TRIGGER appprotect_registrations_fixed BEFORE UPDATE ON appprotect_registrations
WHEN (NEW.id, NEW.issuer, NEW.subject, NEW.tag, NEW.package, NEW.created_at)
    IS NOT (OLD.id, OLD.issuer, OLD.subject, OLD.tag, OLD.package, OLD.created_at)
  OR NEW.version <> OLD.version + 1 OR NEW.epoch NOT IN (OLD.epoch, OLD.epoch + 1)
BEGIN
    SELECT RAISE(ABORT, 'a registration is fixed');
END;
-- +goose StatementEnd

-- An epoch ends once, and what is known of it never changes.
-- +goose StatementBegin
CREATE TRIGGER appprotect_epochs_fixed BEFORE UPDATE ON appprotect_epochs
WHEN OLD.ended_at IS NOT NULL
  OR (NEW.registration_id, NEW.epoch, NEW.request_digest, NEW.signer_sha256, NEW.level, NEW.app_version, NEW.sdk_version,
      NEW.registered_at)
    IS NOT (OLD.registration_id, OLD.epoch, OLD.request_digest, OLD.signer_sha256, OLD.level, OLD.app_version,
      OLD.sdk_version, OLD.registered_at)
BEGIN
    SELECT RAISE(ABORT, 'an epoch ends once and is fixed');
END;
-- +goose StatementEnd

-- Numbers begin at the beginning.
-- +goose StatementBegin
CREATE TRIGGER appprotect_registrations_begin BEFORE INSERT ON appprotect_registrations
WHEN NEW.version <> 1 OR NEW.epoch <> 1
BEGIN
    SELECT RAISE(ABORT, 'a registration begins with its first epoch');
END;
-- +goose StatementEnd

-- An epoch is opened as the latest one, and has not ended.
-- +goose StatementBegin
CREATE TRIGGER appprotect_epochs_begin BEFORE INSERT ON appprotect_epochs
WHEN NEW.ended_at IS NOT NULL
  OR NOT EXISTS (SELECT 1 FROM appprotect_registrations WHERE id = NEW.registration_id AND epoch = NEW.epoch)
BEGIN
    SELECT RAISE(ABORT, 'an epoch begins as the latest');
END;
-- +goose StatementEnd

-- A state is of an epoch that lasts, and goes before it ends.
-- +goose StatementBegin
CREATE TRIGGER appprotect_states_begin BEFORE INSERT ON appprotect_states
WHEN NOT EXISTS (
    SELECT 1 FROM appprotect_epochs
    WHERE registration_id = NEW.registration_id AND epoch = NEW.epoch AND ended_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'a state is of an epoch that lasts');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_epochs_end BEFORE UPDATE ON appprotect_epochs
WHEN NEW.ended_at IS NOT NULL AND EXISTS (SELECT 1 FROM appprotect_states WHERE registration_id = NEW.registration_id)
BEGIN
    SELECT RAISE(ABORT, 'a state goes before its epoch ends');
END;
-- +goose StatementEnd

-- What never changes.
-- +goose StatementBegin
CREATE TRIGGER appprotect_policy_revisions_fixed BEFORE UPDATE ON appprotect_policy_revisions
BEGIN
    SELECT RAISE(ABORT, 'appprotect_policy_revisions never change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_names_fixed BEFORE UPDATE ON appprotect_names
BEGIN
    SELECT RAISE(ABORT, 'appprotect_names never change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_keys_fixed BEFORE UPDATE ON appprotect_keys
BEGIN
    SELECT RAISE(ABORT, 'appprotect_keys never change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_certificates_fixed BEFORE UPDATE ON appprotect_certificates
BEGIN
    SELECT RAISE(ABORT, 'appprotect_certificates never change');
END;
-- +goose StatementEnd

-- What is kept for ever, so that no id, name or number is ever used again.
-- +goose StatementBegin
CREATE TRIGGER appprotect_generation_kept BEFORE DELETE ON appprotect_generation
BEGIN
    SELECT RAISE(ABORT, 'appprotect_generation are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_policies_kept BEFORE DELETE ON appprotect_policies
BEGIN
    SELECT RAISE(ABORT, 'appprotect_policies are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_policy_revisions_kept BEFORE DELETE ON appprotect_policy_revisions
BEGIN
    SELECT RAISE(ABORT, 'appprotect_policy_revisions are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_apps_kept BEFORE DELETE ON appprotect_apps
BEGIN
    SELECT RAISE(ABORT, 'appprotect_apps are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_names_kept BEFORE DELETE ON appprotect_names
BEGIN
    SELECT RAISE(ABORT, 'appprotect_names are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_people_kept BEFORE DELETE ON appprotect_people
BEGIN
    SELECT RAISE(ABORT, 'appprotect_people are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_registrations_kept BEFORE DELETE ON appprotect_registrations
BEGIN
    SELECT RAISE(ABORT, 'appprotect_registrations are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_epochs_kept BEFORE DELETE ON appprotect_epochs
BEGIN
    SELECT RAISE(ABORT, 'appprotect_epochs are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_keys_kept BEFORE DELETE ON appprotect_keys
BEGIN
    SELECT RAISE(ABORT, 'appprotect_keys are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appprotect_certificates_kept BEFORE DELETE ON appprotect_certificates
BEGIN
    SELECT RAISE(ABORT, 'appprotect_certificates are kept');
END;
-- +goose StatementEnd
