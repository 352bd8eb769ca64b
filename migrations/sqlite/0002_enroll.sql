-- +goose Up

-- Enrolment tokens. Of a secret there is the public half and a hash.
CREATE TABLE enroll_tokens (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    lookup       TEXT    NOT NULL UNIQUE CHECK (length(lookup) = 12),
    secret_hash  BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    description  TEXT    NOT NULL,
    ownership    TEXT    NOT NULL CHECK (ownership IN ('personal', 'company')),
    mode         TEXT    NOT NULL CHECK (mode IN ('work-profile', 'fully-managed', 'dedicated')),
    group_name   TEXT    NOT NULL CHECK (group_name <> ''),
    user_name    TEXT    NOT NULL,
    max_uses     INTEGER NOT NULL CHECK (max_uses BETWEEN 1 AND 10000),
    uses         INTEGER NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND max_uses),
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL CHECK (created_by <> ''),
    expires_at   INTEGER NOT NULL CHECK (expires_at > created_at),
    revoked_at   INTEGER,
    request_key  TEXT    NOT NULL UNIQUE CHECK (request_key <> ''),
    request_hash BLOB    NOT NULL CHECK (length(request_hash) = 32),
    CHECK (ownership = 'company' OR mode = 'work-profile')
) STRICT;

CREATE INDEX enroll_tokens_order ON enroll_tokens (created_at, id);

-- One row a device, about its latest epoch.
CREATE TABLE enroll_devices (
    id              TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    version         INTEGER NOT NULL CHECK (version >= 1),
    created_at      INTEGER NOT NULL,
    hardware_tag    BLOB    UNIQUE CHECK (length(hardware_tag) = 32),
    epoch           INTEGER NOT NULL CHECK (epoch >= 1),
    state           TEXT    NOT NULL CHECK (state IN ('enrolled', 'left', 'retired', 'wiped')),
    ownership       TEXT    NOT NULL CHECK (ownership IN ('personal', 'company')),
    mode            TEXT    NOT NULL CHECK (mode IN ('work-profile', 'fully-managed', 'dedicated')),
    group_name      TEXT    NOT NULL CHECK (group_name <> ''),
    user_name       TEXT    NOT NULL,
    token_id        TEXT    NOT NULL REFERENCES enroll_tokens (id),
    platform        TEXT    NOT NULL CHECK (platform IN ('android')),
    model           TEXT    NOT NULL,
    os_version      TEXT    NOT NULL,
    enrolled_at     INTEGER NOT NULL,
    ended_at        INTEGER,
    last_seen_at    INTEGER,
    serial          TEXT    NOT NULL CHECK (serial <> ''),
    expires_at      INTEGER NOT NULL,
    next_serial     TEXT    CHECK (next_serial <> '' AND next_serial <> serial),
    next_expires_at INTEGER,
    CHECK (ownership = 'company' OR mode = 'work-profile'),
    CHECK ((state = 'enrolled') = (ended_at IS NULL)),
    CHECK ((next_serial IS NULL) = (next_expires_at IS NULL)),
    CHECK (state = 'enrolled' OR next_serial IS NULL)
) STRICT;

-- One index for each filter of the listing, in the order of the listing. What
-- most devices have in common is left out: no user, and being enrolled.
CREATE INDEX enroll_devices_order ON enroll_devices (created_at, id);
CREATE INDEX enroll_devices_group ON enroll_devices (group_name, created_at, id);
CREATE INDEX enroll_devices_user ON enroll_devices (user_name, created_at, id) WHERE user_name <> '';
CREATE INDEX enroll_devices_ended ON enroll_devices (state, created_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX enroll_devices_ownership ON enroll_devices (ownership, created_at, id);
CREATE INDEX enroll_devices_mode ON enroll_devices (mode, created_at, id);

-- Every device certificate that was ever issued.
CREATE TABLE enroll_certificates (
    serial     TEXT    NOT NULL PRIMARY KEY CHECK (serial <> ''),
    device_id  TEXT    NOT NULL REFERENCES enroll_devices (id),
    epoch      INTEGER NOT NULL CHECK (epoch >= 1),
    -- In the first certificate of a key only, so that a key has one epoch.
    key_hash   BLOB    UNIQUE CHECK (length(key_hash) = 32),
    csr_hash   BLOB    NOT NULL CHECK (length(csr_hash) = 32),
    -- As it was given to the device: DER, one after the other, leaf first.
    chain      BLOB    NOT NULL,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- How epochs ended. An end is open until every room has settled it.
CREATE TABLE enroll_endings (
    device_id  TEXT    NOT NULL REFERENCES enroll_devices (id),
    epoch      INTEGER NOT NULL CHECK (epoch >= 1),
    cause      TEXT    NOT NULL CHECK (cause IN ('left', 'retired', 'wiped', 'replaced')),
    reason     TEXT    NOT NULL,
    ended_at   INTEGER NOT NULL,
    settled_at INTEGER,
    PRIMARY KEY (device_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE INDEX enroll_endings_unsettled ON enroll_endings (device_id, epoch) WHERE settled_at IS NULL;

-- Administrators' certificates. A key is certified once.
CREATE TABLE enroll_administrators (
    serial     TEXT    NOT NULL PRIMARY KEY CHECK (serial <> ''),
    name       TEXT    NOT NULL CHECK (name <> ''),
    key_hash   BLOB    NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL CHECK (created_by <> ''),
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
