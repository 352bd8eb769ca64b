-- +goose Up

-- One row for each device that was ever ordered to wipe something. It gives
-- orders their sequence, and whoever holds its lock alone creates orders for
-- the device.
CREATE TABLE wipe_devices (
    device_id     TEXT    NOT NULL PRIMARY KEY CHECK (device_id <> ''),
    last_sequence INTEGER NOT NULL CHECK (last_sequence > 0)
) STRICT, WITHOUT ROWID;

-- Orders. They refer to no other slice's table: an order outlives the record
-- of its device.
CREATE TABLE wipe_orders (
    id              TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    device_id       TEXT    NOT NULL REFERENCES wipe_devices (device_id),
    epoch           INTEGER NOT NULL CHECK (epoch > 0),
    sequence        INTEGER NOT NULL CHECK (sequence > 0),
    scope           TEXT    NOT NULL CHECK (scope IN ('work-profile', 'app-data')),
    -- Names of apps, sorted, with one space between them.
    packages        TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN
        ('pending', 'delivered', 'acknowledged', 'done', 'failed', 'cancelled', 'expired')),
    reason          TEXT    NOT NULL CHECK (reason <> ''),
    created_by      TEXT    NOT NULL CHECK (created_by <> ''),
    request_key     TEXT    NOT NULL CHECK (request_key <> ''),
    request_digest  TEXT    NOT NULL CHECK (length(request_digest) = 64),
    created_at      INTEGER NOT NULL,
    not_after       INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    acknowledged_at INTEGER,
    settled_at      INTEGER,
    not_now_count   INTEGER NOT NULL CHECK (not_now_count BETWEEN 0 AND 100),
    outcome         TEXT    NOT NULL,
    version         INTEGER NOT NULL CHECK (version > 0),

    -- The receipt, in the device's words.
    receipt_finished_at  INTEGER,
    receipt_packages     TEXT,
    receipt_files        INTEGER CHECK (receipt_files >= 0),
    receipt_bytes        INTEGER CHECK (receipt_bytes >= 0),
    receipt_keys         INTEGER CHECK (receipt_keys >= 0),
    receipt_certificates INTEGER CHECK (receipt_certificates >= 0),

    UNIQUE (device_id, sequence),
    UNIQUE (created_by, request_key),
    CHECK ((scope = 'app-data') = (packages <> '')),
    CHECK (not_after > created_at),
    -- Done is only what a device has promised and then confirmed.
    CHECK (state NOT IN ('acknowledged', 'done') OR acknowledged_at IS NOT NULL),
    CHECK (state NOT IN ('pending', 'delivered', 'cancelled') OR acknowledged_at IS NULL),
    CHECK ((state = 'done') = (receipt_finished_at IS NOT NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_packages IS NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_files IS NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_bytes IS NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_keys IS NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_certificates IS NULL)),
    -- Settled is what has ended; only a wiped work profile may wait for it.
    CHECK (settled_at IS NULL OR state IN ('done', 'failed', 'cancelled', 'expired')),
    CHECK (settled_at IS NOT NULL OR state IN ('pending', 'delivered', 'acknowledged')
        OR (state = 'done' AND scope = 'work-profile')),
    CHECK (state NOT IN ('failed', 'cancelled', 'expired') OR outcome <> '')
) STRICT;

-- What a phone asks for at each look.
CREATE INDEX wipe_orders_unsettled ON wipe_orders (device_id, epoch, sequence) WHERE settled_at IS NULL;
-- What the sweep asks for: the overdue, the half done, and all by id.
CREATE INDEX wipe_orders_overdue ON wipe_orders (state, not_after) WHERE settled_at IS NULL;
CREATE INDEX wipe_orders_walk ON wipe_orders (id) WHERE settled_at IS NULL;
-- Listings run newest first, optionally of one device or of one state.
CREATE INDEX wipe_orders_created ON wipe_orders (created_at, id);
CREATE INDEX wipe_orders_device ON wipe_orders (device_id, created_at, id);
CREATE INDEX wipe_orders_state ON wipe_orders (state, created_at, id);

-- An order is never meant for somebody or something else than it was at first,
-- and what has ended never begins again.
-- +goose StatementBegin
CREATE TRIGGER wipe_orders_fixed BEFORE UPDATE ON wipe_orders
WHEN OLD.id <> NEW.id OR OLD.device_id <> NEW.device_id OR OLD.epoch <> NEW.epoch
  OR OLD.sequence <> NEW.sequence OR OLD.scope <> NEW.scope OR OLD.packages <> NEW.packages
  OR OLD.reason <> NEW.reason OR OLD.created_by <> NEW.created_by
  OR OLD.created_at <> NEW.created_at OR OLD.not_after <> NEW.not_after
  OR (OLD.state IN ('done', 'failed', 'cancelled', 'expired') AND OLD.state <> NEW.state)
BEGIN
    SELECT RAISE(ABORT, 'a wipe order is fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_orders_kept BEFORE DELETE ON wipe_orders
BEGIN
    SELECT RAISE(ABORT, 'wipe orders are kept');
END;
-- +goose StatementEnd
