-- +goose Up

-- What receivers are told, and how: streams of clients, and webhooks, which have
-- no client. What only the server may read is sealed: an authorization header,
-- or the secret of a webhook.
CREATE TABLE transmit_streams (
    id            TEXT   NOT NULL PRIMARY KEY CHECK (id <> ''),
    client_id     TEXT   NOT NULL,
    client_name   TEXT   NOT NULL,
    delivery      TEXT   NOT NULL CHECK (delivery IN ('push', 'poll', 'webhook')),
    endpoint      TEXT   NOT NULL,
    sealed        BYTEA,
    audience      TEXT   NOT NULL,
    requested     TEXT,
    events        TEXT   NOT NULL,
    description   TEXT   NOT NULL,
    alg           TEXT   NOT NULL CHECK (alg IN ('RS256', 'ES256', 'EdDSA')),
    status        TEXT   NOT NULL CHECK (status IN ('enabled', 'paused', 'disabled')),
    status_reason TEXT   NOT NULL,
    version       BIGINT  NOT NULL CHECK (version >= 1),
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL CHECK (updated_at >= created_at),
    verified_at   BIGINT,

    CHECK ((client_id = '') = (delivery = 'webhook')),
    CHECK ((endpoint = '') = (delivery = 'poll'))
);

CREATE UNIQUE INDEX transmit_streams_client ON transmit_streams (client_id, delivery, endpoint);
CREATE INDEX transmit_streams_order ON transmit_streams (created_at, id);

-- What a stream says of subjects: of those rules that match an event the last
-- one counts. An empty member stands for anything.
CREATE TABLE transmit_rules (
    stream_id TEXT    NOT NULL REFERENCES transmit_streams (id) ON DELETE CASCADE,
    device_id TEXT    NOT NULL,
    user_name TEXT    NOT NULL,
    tenant    TEXT    NOT NULL,
    left_out  BIGINT NOT NULL CHECK (left_out IN (0, 1)),
    number    BIGINT  NOT NULL CHECK (number >= 1),

    PRIMARY KEY (stream_id, device_id, user_name, tenant),
    CHECK (device_id <> '' OR user_name <> '' OR tenant <> '')
);

-- How a stream fares, and which server hands over what waits for it.
CREATE TABLE transmit_fares (
    stream_id     TEXT    NOT NULL PRIMARY KEY REFERENCES transmit_streams (id) ON DELETE CASCADE,
    failures      BIGINT  NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since BIGINT,
    last_error    TEXT    NOT NULL DEFAULT '',
    delivered_at  BIGINT,
    claimed_by    TEXT    CHECK (claimed_by <> ''),
    claimed_until BIGINT,

    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))
);

-- Up to which entry of the record everything was told.
CREATE TABLE transmit_cursor (
    id       BIGINT  NOT NULL PRIMARY KEY CHECK (id = 1),
    sequence BIGINT  NOT NULL CHECK (sequence >= 0)
);

-- What was last told of a phone or of a registration, and of a phone whose it
-- was then: sessions end of who had it, not of who has it by now.
CREATE TABLE transmit_told (
    device_id TEXT NOT NULL PRIMARY KEY CHECK (device_id <> ''),
    compliant BIGINT NOT NULL CHECK (compliant IN (0, 1)),
    high_risk BIGINT NOT NULL CHECK (high_risk IN (0, 1)),
    user_name TEXT NOT NULL
);

-- What waits for a receiver, and what was put aside. Of a stream's items for one
-- device the one of the lowest number goes first.
CREATE TABLE transmit_outbox (
    number     BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream_id  TEXT    NOT NULL REFERENCES transmit_streams (id) ON DELETE CASCADE,
    jti        TEXT    NOT NULL CHECK (jti <> ''),
    event      TEXT    NOT NULL CHECK (event <> ''),
    device_id  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    claims     TEXT    NOT NULL,
    sequence   BIGINT  NOT NULL CHECK (sequence >= 0),
    created_at BIGINT  NOT NULL,
    tries      BIGINT  NOT NULL DEFAULT 0 CHECK (tries >= 0),
    failed_at  BIGINT,
    next_at    BIGINT,
    dead_at    BIGINT,
    reason     TEXT    NOT NULL DEFAULT '',

    UNIQUE (stream_id, jti)
);

CREATE INDEX transmit_outbox_waiting ON transmit_outbox (stream_id, number) WHERE dead_at IS NULL;
CREATE INDEX transmit_outbox_devices ON transmit_outbox (stream_id, device_id, number) WHERE dead_at IS NULL;
CREATE INDEX transmit_outbox_dead ON transmit_outbox (stream_id, number) WHERE dead_at IS NOT NULL;
CREATE INDEX transmit_outbox_buried ON transmit_outbox (dead_at) WHERE dead_at IS NOT NULL;
