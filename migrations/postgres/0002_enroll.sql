-- +goose Up

-- Enrolment tokens. Of a secret there is the public half and a hash.
CREATE TABLE enroll_tokens (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    lookup       TEXT    NOT NULL UNIQUE CHECK (length(lookup) = 12),
    secret_hash  BYTEA   NOT NULL CHECK (octet_length(secret_hash) = 32),
    description  TEXT    NOT NULL,
    ownership    TEXT    NOT NULL CHECK (ownership IN ('personal', 'company')),
    mode         TEXT    NOT NULL CHECK (mode IN ('work-profile', 'fully-managed', 'dedicated')),
    group_name   TEXT    NOT NULL CHECK (group_name <> ''),
    user_name    TEXT    NOT NULL,
    max_uses     BIGINT  NOT NULL CHECK (max_uses BETWEEN 1 AND 10000),
    uses         BIGINT  NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND max_uses),
    created_at   BIGINT  NOT NULL,
    created_by   TEXT    NOT NULL CHECK (created_by <> ''),
    expires_at   BIGINT  NOT NULL CHECK (expires_at > created_at),
    revoked_at   BIGINT,
    request_key  TEXT    NOT NULL UNIQUE CHECK (request_key <> ''),
    request_hash BYTEA   NOT NULL CHECK (octet_length(request_hash) = 32),
    CHECK (ownership = 'company' OR mode = 'work-profile')
);

CREATE INDEX enroll_tokens_order ON enroll_tokens (created_at, id);

-- One row a device, about its latest epoch.
CREATE TABLE enroll_devices (
    id              TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    version         BIGINT  NOT NULL CHECK (version >= 1),
    created_at      BIGINT  NOT NULL,
    hardware_tag    BYTEA   UNIQUE CHECK (octet_length(hardware_tag) = 32),
    epoch           BIGINT  NOT NULL CHECK (epoch >= 1),
    state           TEXT    NOT NULL CHECK (state IN ('enrolled', 'left', 'retired', 'wiped')),
    ownership       TEXT    NOT NULL CHECK (ownership IN ('personal', 'company')),
    mode            TEXT    NOT NULL CHECK (mode IN ('work-profile', 'fully-managed', 'dedicated')),
    group_name      TEXT    NOT NULL CHECK (group_name <> ''),
    user_name       TEXT    NOT NULL,
    token_id        TEXT    NOT NULL REFERENCES enroll_tokens (id),
    platform        TEXT    NOT NULL CHECK (platform IN ('android')),
    model           TEXT    NOT NULL,
    os_version      TEXT    NOT NULL,
    enrolled_at     BIGINT  NOT NULL,
    ended_at        BIGINT,
    last_seen_at    BIGINT,
    serial          TEXT    NOT NULL CHECK (serial <> ''),
    expires_at      BIGINT  NOT NULL,
    next_serial     TEXT    CHECK (next_serial <> '' AND next_serial <> serial),
    next_expires_at BIGINT,
    CHECK (ownership = 'company' OR mode = 'work-profile'),
    CHECK ((state = 'enrolled') = (ended_at IS NULL)),
    CHECK ((next_serial IS NULL) = (next_expires_at IS NULL)),
    CHECK (state = 'enrolled' OR next_serial IS NULL)
);

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
    epoch      BIGINT  NOT NULL CHECK (epoch >= 1),
    -- In the first certificate of a key only, so that a key has one epoch.
    key_hash   BYTEA   UNIQUE CHECK (octet_length(key_hash) = 32),
    csr_hash   BYTEA   NOT NULL CHECK (octet_length(csr_hash) = 32),
    -- As it was given to the device: DER, one after the other, leaf first.
    chain      BYTEA   NOT NULL,
    issued_at  BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL
);

-- How epochs ended. An end is open until every room has settled it.
CREATE TABLE enroll_endings (
    device_id  TEXT    NOT NULL REFERENCES enroll_devices (id),
    epoch      BIGINT  NOT NULL CHECK (epoch >= 1),
    cause      TEXT    NOT NULL CHECK (cause IN ('left', 'retired', 'wiped', 'replaced')),
    reason     TEXT    NOT NULL,
    ended_at   BIGINT  NOT NULL,
    settled_at BIGINT,
    PRIMARY KEY (device_id, epoch)
);

CREATE INDEX enroll_endings_unsettled ON enroll_endings (device_id, epoch) WHERE settled_at IS NULL;

-- Administrators' certificates. A key is certified once.
CREATE TABLE enroll_administrators (
    serial     TEXT    NOT NULL PRIMARY KEY CHECK (serial <> ''),
    name       TEXT    NOT NULL CHECK (name <> ''),
    key_hash   BYTEA   NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    created_at BIGINT  NOT NULL,
    created_by TEXT    NOT NULL CHECK (created_by <> ''),
    expires_at BIGINT  NOT NULL,
    revoked_at BIGINT
);
