-- +goose Up

-- Registrations of apps are wiped like devices: their orders are orders, and
-- their ids are in device_id. Orders anew, because SQLite cannot change what a
-- column may hold, and with them what refers to them, so that every reference
-- holds at every moment. The old orders keep all they have, and are of devices.
DROP TRIGGER wipe_orders_fixed;
DROP TRIGGER wipe_orders_kept;
DROP TRIGGER wipe_orders_proved;
DROP TRIGGER wipe_orders_begin;
DROP TRIGGER wipe_orders_requested;
DROP TRIGGER wipe_orders_leased;
DROP TRIGGER wipe_proofs_fixed;
DROP TRIGGER wipe_proofs_kept;

CREATE TABLE wipe_orders_next (
    id              TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    device_id       TEXT    NOT NULL REFERENCES wipe_devices (device_id),
    epoch           INTEGER NOT NULL CHECK (epoch > 0),
    sequence        INTEGER NOT NULL CHECK (sequence > 0),
    scope           TEXT    NOT NULL CHECK (scope IN ('lock', 'app-data', 'work-profile', 'relinquish', 'whole-device')),
    -- Names of apps, sorted, with one space between them.
    packages        TEXT    NOT NULL,
    -- Whether a whole device has a personal side, which goes too.
    personal_side   INTEGER NOT NULL CHECK (personal_side = 0 OR (personal_side = 1 AND scope = 'whole-device')),
    state           TEXT    NOT NULL CHECK (state IN
        ('pending', 'delivered', 'acknowledged', 'done', 'failed', 'cancelled', 'expired')),
    reason          TEXT    NOT NULL CHECK (reason <> ''),
    created_by      TEXT    NOT NULL CHECK (created_by <> ''),
    created_at      INTEGER NOT NULL,
    not_after       INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    acknowledged_at INTEGER,
    settled_at      INTEGER,
    not_now_count   INTEGER NOT NULL CHECK (not_now_count BETWEEN 0 AND 100),
    outcome         TEXT    NOT NULL,
    version         INTEGER NOT NULL CHECK (version > 0),

    -- Where it came from; '' is from before there were requests. When it came
    -- to be is what budgets and the breaker go by: the order of a lease is dated
    -- when its device fetched it, long before.
    source          TEXT    NOT NULL CHECK (source IN ('', 'administrator', 'user', 'lease', 'policy')),
    request_id      TEXT    REFERENCES wipe_requests (id),
    person          TEXT    NOT NULL,
    credential      TEXT    NOT NULL,
    counted_at      INTEGER NOT NULL,
    -- The device as it was when it was ordered; of a registration its app, and ''
    -- of a device.
    group_name      TEXT    NOT NULL,
    ownership       TEXT    NOT NULL CHECK (ownership IN ('', 'personal', 'company')),
    app             TEXT    NOT NULL,
    held_until      INTEGER,
    lease_number    INTEGER CHECK (lease_number > 0),
    lease_lock      INTEGER CHECK (lease_lock > 0),
    lease_wipe      INTEGER CHECK (lease_wipe > lease_lock),

    -- How often the device refused what it was given as the order, and why last.
    refusals        INTEGER NOT NULL CHECK (refusals BETWEEN 0 AND 10),
    refusal         TEXT    NOT NULL,

    -- The commitment, in the device's words. It comes with the promise, where
    -- the enrolment ends.
    commitment_at           INTEGER,
    commitment_packages     TEXT,
    commitment_files        INTEGER CHECK (commitment_files >= 0),
    commitment_bytes        INTEGER CHECK (commitment_bytes >= 0),
    commitment_keys         INTEGER CHECK (commitment_keys >= 0),
    commitment_certificates INTEGER CHECK (commitment_certificates >= 0),
    -- The public half of the one-time key that signs the receipt, DER.
    commitment_key          BLOB    CHECK (length(commitment_key) BETWEEN 1 AND 200),
    -- SHA-256 of what was signed, which the receipt names.
    commitment_digest       BLOB    CHECK (length(commitment_digest) = 32),

    -- The receipt, in the device's words.
    receipt_finished_at  INTEGER,
    receipt_packages     TEXT,
    receipt_files        INTEGER CHECK (receipt_files >= 0),
    receipt_bytes        INTEGER CHECK (receipt_bytes >= 0),
    receipt_keys         INTEGER CHECK (receipt_keys >= 0),
    receipt_certificates INTEGER CHECK (receipt_certificates >= 0),

    UNIQUE (device_id, sequence),
    CHECK ((scope = 'app-data') = (packages <> '')),
    CHECK (scope NOT IN ('relinquish', 'whole-device') OR ownership = 'company'),
    CHECK (not_after > created_at),
    CHECK (source <> '' OR scope IN ('app-data', 'work-profile')),
    CHECK (source = '' OR ownership <> ''),
    CHECK ((source IN ('administrator', 'user')) = (request_id IS NOT NULL)),
    CHECK ((source IN ('administrator', 'user')) = (person <> '')),
    CHECK ((person <> '') = (credential <> '')),
    CHECK (held_until IS NULL OR request_id IS NOT NULL),
    -- Of a registration there is the data of its own app, and nothing else.
    CHECK (app = '' OR (scope = 'app-data' AND packages = app AND ownership = 'personal' AND group_name = '')),
    CHECK (source <> 'user' OR scope = 'work-profile' OR app <> ''),
    -- A policy orders nothing of a device.
    CHECK (source <> 'policy' OR (app <> '' AND created_by = 'server')),
    CHECK (source <> 'lease' OR scope = 'work-profile'),
    CHECK ((source = 'lease') = (lease_number IS NOT NULL)),
    CHECK ((source = 'lease') = (lease_lock IS NOT NULL)),
    CHECK ((source = 'lease') = (lease_wipe IS NOT NULL)),
    -- Done is only what a device has promised and then confirmed.
    CHECK (state NOT IN ('acknowledged', 'done') OR acknowledged_at IS NOT NULL),
    CHECK (state NOT IN ('pending', 'delivered', 'cancelled') OR acknowledged_at IS NULL),
    CHECK ((state = 'done') = (receipt_finished_at IS NOT NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_packages IS NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_files IS NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_bytes IS NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_keys IS NULL)),
    CHECK ((receipt_finished_at IS NULL) = (receipt_certificates IS NULL)),
    CHECK ((refusals = 0) = (refusal = '')),
    CHECK (commitment_at IS NULL
        OR (acknowledged_at IS NOT NULL AND scope IN ('work-profile', 'relinquish', 'whole-device'))),
    CHECK ((commitment_at IS NULL) = (commitment_packages IS NULL)),
    CHECK ((commitment_at IS NULL) = (commitment_files IS NULL)),
    CHECK ((commitment_at IS NULL) = (commitment_bytes IS NULL)),
    CHECK ((commitment_at IS NULL) = (commitment_keys IS NULL)),
    CHECK ((commitment_at IS NULL) = (commitment_certificates IS NULL)),
    CHECK ((commitment_at IS NULL) = (commitment_key IS NULL)),
    CHECK ((commitment_at IS NULL) = (commitment_digest IS NULL)),
    -- Settled is what has ended; only what ends the enrolment, or the registration,
    -- may wait for that.
    CHECK (settled_at IS NULL OR state IN ('done', 'failed', 'cancelled', 'expired')),
    CHECK (settled_at IS NOT NULL OR state IN ('pending', 'delivered', 'acknowledged')
        OR (state = 'done' AND (app <> '' OR scope IN ('work-profile', 'relinquish', 'whole-device')))),
    CHECK (state NOT IN ('failed', 'cancelled', 'expired') OR outcome <> '')
) STRICT;

CREATE TABLE wipe_proofs_next (
    order_id  TEXT NOT NULL REFERENCES wipe_orders_next (id),
    kind      TEXT NOT NULL CHECK (kind IN ('commitment', 'receipt')),
    content   BLOB NOT NULL CHECK (length(content) BETWEEN 1 AND 393216),
    signature BLOB NOT NULL CHECK (length(signature) BETWEEN 1 AND 1024),
    -- The device's certificates, DER, one after the other; NULL where the
    -- one-time key of the commitment has signed.
    chain     BLOB CHECK (length(chain) > 0),

    PRIMARY KEY (order_id, kind),
    CHECK (kind <> 'commitment' OR chain IS NOT NULL)
) STRICT, WITHOUT ROWID;

INSERT INTO wipe_orders_next (
    id, device_id, epoch, sequence, scope, packages, personal_side, state, reason, created_by,
    created_at, not_after, changed_at, acknowledged_at, settled_at, not_now_count, outcome, version,
    source, request_id, person, credential, counted_at, group_name, ownership, app, held_until, lease_number, lease_lock, lease_wipe,
    refusals, refusal,
    commitment_at, commitment_packages, commitment_files, commitment_bytes, commitment_keys, commitment_certificates,
    commitment_key, commitment_digest,
    receipt_finished_at, receipt_packages, receipt_files, receipt_bytes, receipt_keys, receipt_certificates)
SELECT
    id, device_id, epoch, sequence, scope, packages, personal_side, state, reason, created_by,
    created_at, not_after, changed_at, acknowledged_at, settled_at, not_now_count, outcome, version,
    source, request_id, person, credential, counted_at, group_name, ownership, '', held_until, lease_number, lease_lock, lease_wipe,
    refusals, refusal,
    commitment_at, commitment_packages, commitment_files, commitment_bytes, commitment_keys, commitment_certificates,
    commitment_key, commitment_digest,
    receipt_finished_at, receipt_packages, receipt_files, receipt_bytes, receipt_keys, receipt_certificates
FROM wipe_orders;

INSERT INTO wipe_proofs_next (order_id, kind, content, signature, chain)
SELECT order_id, kind, content, signature, chain FROM wipe_proofs;

DROP TABLE wipe_proofs;
DROP TABLE wipe_orders;
ALTER TABLE wipe_orders_next RENAME TO wipe_orders;
ALTER TABLE wipe_proofs_next RENAME TO wipe_proofs;

-- Which enrolment was given the signed order for which lease. All that it was
-- given is kept: the answer that brought the last may have been lost, and the
-- phone then acts under the one before.
CREATE TABLE wipe_lease_holders_next (
    device_id    TEXT    NOT NULL REFERENCES wipe_devices (device_id),
    epoch        INTEGER NOT NULL CHECK (epoch > 0),
    lease_number INTEGER NOT NULL CHECK (lease_number > 0),
    lease_lock   INTEGER NOT NULL CHECK (lease_lock > 0),
    lease_wipe   INTEGER NOT NULL CHECK (lease_wipe > lease_lock),
    order_id     TEXT    NOT NULL UNIQUE CHECK (order_id <> ''),
    sequence     INTEGER NOT NULL CHECK (sequence > 0),
    fetched_at   INTEGER NOT NULL,

    PRIMARY KEY (device_id, epoch, lease_number)
) STRICT, WITHOUT ROWID;

INSERT INTO wipe_lease_holders_next (device_id, epoch, lease_number, lease_lock, lease_wipe, order_id, sequence, fetched_at)
SELECT device_id, epoch, lease_number, lease_lock, lease_wipe, order_id, sequence, fetched_at FROM wipe_lease_holders;

DROP TABLE wipe_lease_holders;
ALTER TABLE wipe_lease_holders_next RENAME TO wipe_lease_holders;

-- What a phone asks for at each look.
CREATE INDEX wipe_orders_unsettled ON wipe_orders (device_id, epoch, sequence) WHERE settled_at IS NULL;
-- What the sweep asks for: the overdue, the half done, and all by id.
CREATE INDEX wipe_orders_overdue ON wipe_orders (state, not_after) WHERE settled_at IS NULL;
CREATE INDEX wipe_orders_walk ON wipe_orders (id) WHERE settled_at IS NULL;
-- Listings run newest first, optionally of one device or of one state.
CREATE INDEX wipe_orders_created ON wipe_orders (created_at, id);
CREATE INDEX wipe_orders_device ON wipe_orders (device_id, created_at, id);
CREATE INDEX wipe_orders_state ON wipe_orders (state, created_at, id);
CREATE INDEX wipe_orders_request ON wipe_orders (request_id, created_at, id) WHERE request_id IS NOT NULL;
CREATE INDEX wipe_orders_group ON wipe_orders (group_name, created_at, id);
-- What was ordered lately: by a person, with a credential, by anybody.
CREATE INDEX wipe_orders_person ON wipe_orders (person, counted_at);
CREATE INDEX wipe_orders_credential ON wipe_orders (credential, counted_at, scope);
CREATE INDEX wipe_orders_counted ON wipe_orders (counted_at, source, scope);
-- Whose cooling-off has ended.
CREATE INDEX wipe_orders_held ON wipe_orders (held_until, device_id) WHERE settled_at IS NULL AND held_until IS NOT NULL;

-- An order is never meant for somebody or something else than it was at first,
-- and what has ended never begins again.
-- +goose StatementBegin
CREATE TRIGGER wipe_orders_fixed BEFORE UPDATE ON wipe_orders
WHEN (OLD.id, OLD.device_id, OLD.epoch, OLD.scope, OLD.packages, OLD.personal_side,
      OLD.reason, OLD.created_by, OLD.created_at, OLD.not_after, OLD.source, OLD.request_id, OLD.person, OLD.credential,
      OLD.counted_at, OLD.group_name, OLD.ownership, OLD.app, OLD.held_until, OLD.lease_number, OLD.lease_lock, OLD.lease_wipe)
  IS NOT
     (NEW.id, NEW.device_id, NEW.epoch, NEW.scope, NEW.packages, NEW.personal_side,
      NEW.reason, NEW.created_by, NEW.created_at, NEW.not_after, NEW.source, NEW.request_id, NEW.person, NEW.credential,
      NEW.counted_at, NEW.group_name, NEW.ownership, NEW.app, NEW.held_until, NEW.lease_number, NEW.lease_lock, NEW.lease_wipe)
  OR (OLD.state IN ('done', 'failed', 'cancelled', 'expired') AND OLD.state <> NEW.state)
  -- Until its device promises, an order that it has gone past gets a new number.
  OR NEW.sequence < OLD.sequence
  OR (NEW.sequence <> OLD.sequence AND NOT (OLD.state IN ('pending', 'delivered') AND NEW.state = OLD.state))
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

-- Done needs the signed receipt, and a promise that ends the enrolment the
-- signed commitment, both of which are saved first; the commitment never
-- changes.
-- +goose StatementBegin
CREATE TRIGGER wipe_orders_proved BEFORE UPDATE ON wipe_orders
WHEN (NEW.state = 'done' AND OLD.state <> 'done'
      AND NOT EXISTS (SELECT 1 FROM wipe_proofs WHERE order_id = NEW.id AND kind = 'receipt'))
  OR (NEW.state IN ('acknowledged', 'done') AND OLD.state <> NEW.state
      AND NEW.scope IN ('work-profile', 'relinquish', 'whole-device')
      AND (NEW.commitment_at IS NULL
        OR NOT EXISTS (SELECT 1 FROM wipe_proofs WHERE order_id = NEW.id AND kind = 'commitment')))
  OR (OLD.commitment_at IS NOT NULL
      AND (OLD.commitment_at, OLD.commitment_packages, OLD.commitment_files, OLD.commitment_bytes,
           OLD.commitment_keys, OLD.commitment_certificates, OLD.commitment_key, OLD.commitment_digest)
        IS NOT
          (NEW.commitment_at, NEW.commitment_packages, NEW.commitment_files, NEW.commitment_bytes,
           NEW.commitment_keys, NEW.commitment_certificates, NEW.commitment_key, NEW.commitment_digest))
BEGIN
    SELECT RAISE(ABORT, 'a wipe order needs what the device signed');
END;
-- +goose StatementEnd

-- An order begins without the device's word, and with a reason that the
-- database knows: a request that is executed, and names just this, or a lease
-- that this very enrolment was given. Of a policy it knows that it is for a
-- registration.
-- +goose StatementBegin
CREATE TRIGGER wipe_orders_begin BEFORE INSERT ON wipe_orders
WHEN NEW.state <> 'pending' OR NEW.commitment_at IS NOT NULL OR NEW.refusals <> 0 OR NEW.source = ''
BEGIN
    SELECT RAISE(ABORT, 'a wipe order begins pending');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_orders_requested BEFORE INSERT ON wipe_orders
WHEN NEW.source IN ('administrator', 'user') AND NOT EXISTS (
    SELECT 1 FROM wipe_requests r
    WHERE r.id = NEW.request_id AND r.state = 'executed' AND r.lifted_at IS NULL
      AND r.kind = CASE NEW.source WHEN 'user' THEN 'user-wipe' ELSE 'wipe' END
      AND r.actor = NEW.created_by AND r.person = NEW.person AND r.credential = NEW.credential
      -- Everything of one person is, of a registration, the data of its app.
      AND (r.kind = 'user-wipe' AND NEW.app <> '' OR r.scope = NEW.scope AND r.packages = NEW.packages)
      AND r.personal_side = NEW.personal_side
      AND r.held_until IS NEW.held_until
      AND (r.kind = 'user-wipe' OR EXISTS (
          SELECT 1 FROM wipe_request_devices d
          WHERE d.request_id = r.id AND d.device_id = NEW.device_id AND d.epoch = NEW.epoch)))
BEGIN
    SELECT RAISE(ABORT, 'a wipe order needs its request');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_orders_leased BEFORE INSERT ON wipe_orders
WHEN NEW.source = 'lease' AND NOT EXISTS (
    SELECT 1 FROM wipe_lease_holders h
    WHERE h.device_id = NEW.device_id AND h.epoch = NEW.epoch AND h.order_id = NEW.id AND h.sequence = NEW.sequence
      AND h.lease_number = NEW.lease_number AND h.lease_lock = NEW.lease_lock AND h.lease_wipe = NEW.lease_wipe)
BEGIN
    SELECT RAISE(ABORT, 'a wipe order needs its lease');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_proofs_fixed BEFORE UPDATE ON wipe_proofs
BEGIN
    SELECT RAISE(ABORT, 'what a device signed is fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_proofs_kept BEFORE DELETE ON wipe_proofs
BEGIN
    SELECT RAISE(ABORT, 'what a device signed is kept');
END;
-- +goose StatementEnd
