-- +goose Up

-- The organisation's people, as its identity provider tells. Of one that was
-- deleted the name is left, so that what the name has still is blocked. The key
-- is the name in lower case: no two that are not deleted have the same.
CREATE TABLE directory_users (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    user_name    TEXT    NOT NULL CHECK (user_name <> ''),
    user_key     TEXT COLLATE "C" NOT NULL CHECK (user_key <> ''),
    external_id  TEXT COLLATE "C" NOT NULL,
    display_name TEXT    NOT NULL,
    display_key  TEXT COLLATE "C" NOT NULL,
    active       BIGINT  NOT NULL CHECK (active IN (0, 1)),
    version      BIGINT  NOT NULL CHECK (version >= 1),
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL CHECK (updated_at >= created_at),
    deleted_at   BIGINT,

    CHECK (deleted_at IS NULL OR (active = 0 AND external_id = '' AND display_name = '' AND display_key = ''))
);

CREATE UNIQUE INDEX directory_users_key ON directory_users (user_key) WHERE deleted_at IS NULL;
CREATE INDEX directory_users_order ON directory_users (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX directory_users_external ON directory_users (external_id) WHERE external_id <> '';

-- Every name that a person was ever known by here, and whose it was last.
CREATE TABLE directory_names (
    name_key TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (name_key <> ''),
    user_id  TEXT COLLATE "C" NOT NULL REFERENCES directory_users (id)
);

CREATE INDEX directory_names_user ON directory_names (user_id);

CREATE TABLE directory_groups (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    display_name TEXT    NOT NULL CHECK (display_name <> ''),
    display_key  TEXT COLLATE "C" NOT NULL UNIQUE CHECK (display_key <> ''),
    external_id  TEXT COLLATE "C" NOT NULL,
    version      BIGINT  NOT NULL CHECK (version >= 1),
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL CHECK (updated_at >= created_at)
);

CREATE INDEX directory_groups_order ON directory_groups (created_at, id);
CREATE INDEX directory_groups_external ON directory_groups (external_id) WHERE external_id <> '';

CREATE TABLE directory_members (
    group_id TEXT COLLATE "C" NOT NULL REFERENCES directory_groups (id),
    user_id  TEXT COLLATE "C" NOT NULL REFERENCES directory_users (id),
    PRIMARY KEY (group_id, user_id)
);

CREATE INDEX directory_members_user ON directory_members (user_id);

-- What an identity provider shows to be let in. Of a secret there is the public
-- half and a hash.
CREATE TABLE directory_tokens (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    name        TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    lookup      TEXT COLLATE "C" NOT NULL UNIQUE CHECK (length(lookup) = 12),
    secret_hash BYTEA   NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at  BIGINT  NOT NULL,
    created_by  TEXT    NOT NULL CHECK (created_by <> ''),
    revoked_at  BIGINT
);

CREATE UNIQUE INDEX directory_tokens_name ON directory_tokens (name) WHERE revoked_at IS NULL;
