-- +goose Up

-- What administrators asked for, and what came of it. A second person's yes is
-- in the row, and is never the yes of whoever asked.
CREATE TABLE wipe_requests (
    id                 TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    kind               TEXT    NOT NULL CHECK (kind IN
        ('wipe', 'user-wipe', 'limits', 'resume', 'cancel-all', 'lease')),
    state              TEXT    NOT NULL CHECK (state IN
        ('waiting', 'executed', 'rejected', 'expired', 'stopped', 'void')),
    -- Who asked. A key belongs to its asker.
    actor              TEXT    NOT NULL CHECK (actor <> ''),
    request_key        TEXT    NOT NULL CHECK (request_key <> ''),
    request_digest     TEXT    NOT NULL CHECK (length(request_digest) = 64),
    reason             TEXT    NOT NULL CHECK (reason <> ''),
    person             TEXT    NOT NULL CHECK (person <> ''),
    role               TEXT    NOT NULL CHECK (role <> ''),
    credential         TEXT    NOT NULL CHECK (credential <> ''),
    credential_at      INTEGER,
    created_at         INTEGER NOT NULL,
    -- Why it needs a second person, a line each, and how long it waits for one.
    needs              TEXT    NOT NULL,
    expires_at         INTEGER CHECK (expires_at > created_at),
    decided_by         TEXT    CHECK (decided_by <> ''),
    decided_person     TEXT    CHECK (decided_person <> ''),
    decided_credential TEXT,
    decided_at         INTEGER,
    decided_words      TEXT,
    outcome            TEXT    NOT NULL,
    version            INTEGER NOT NULL CHECK (version > 0),

    -- Of a wipe. Spans are nanoseconds.
    scope              TEXT    CHECK (scope IN ('lock', 'app-data', 'work-profile', 'relinquish', 'whole-device')),
    packages           TEXT,
    personal_side      INTEGER CHECK (personal_side = 0 OR (personal_side = 1 AND scope = 'whole-device')),
    device_count       INTEGER NOT NULL CHECK (device_count >= 0),
    lifetime           INTEGER CHECK (lifetime > 0),
    plan               TEXT    CHECK (length(plan) = 64),
    held_until         INTEGER,
    -- Of a wipe of everything of one person.
    user_name          TEXT    CHECK (user_name <> ''),
    lifted_at          INTEGER,
    -- Of a change of limits: JSON. Of a lease: as in wipe_leases.
    limits             TEXT    CHECK (limits <> ''),
    lease_group        TEXT,
    lease_lock         INTEGER CHECK (lease_lock >= 0),
    lease_wipe         INTEGER CHECK (lease_wipe >= 0),

    UNIQUE (actor, request_key),
    CHECK ((needs = '') = (expires_at IS NULL)),
    CHECK (state NOT IN ('waiting', 'rejected', 'expired', 'void') OR needs <> ''),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_person IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_credential IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_words IS NULL)),
    -- What needs a second person is not executed without one, and nobody is
    -- their own; one may say no to oneself.
    CHECK (state <> 'executed' OR (needs = '') = (decided_by IS NULL)),
    CHECK (state <> 'rejected' OR decided_by IS NOT NULL),
    CHECK (state NOT IN ('waiting', 'expired') OR decided_by IS NULL),
    CHECK (state = 'rejected' OR decided_by IS NULL OR (decided_person <> person AND decided_by <> actor
        AND decided_credential <> credential)),
    CHECK (state NOT IN ('expired', 'stopped', 'void') OR outcome <> ''),
    CHECK ((scope IS NOT NULL) = (kind IN ('wipe', 'user-wipe'))),
    CHECK (kind <> 'user-wipe' OR scope = 'work-profile'),
    CHECK ((scope IS NULL) = (packages IS NULL)),
    CHECK (packages IS NULL OR (scope = 'app-data') = (packages <> '')),
    CHECK ((scope IS NULL) = (personal_side IS NULL)),
    CHECK ((scope IS NULL) = (device_count = 0)),
    CHECK ((scope IS NULL) = (lifetime IS NULL)),
    CHECK ((scope IS NULL) = (plan IS NULL)),
    CHECK (held_until IS NULL OR (scope IS NOT NULL AND state IN ('executed', 'stopped'))),
    CHECK ((kind = 'user-wipe') = (user_name IS NOT NULL)),
    CHECK (lifted_at IS NULL OR (kind = 'user-wipe' AND state IN ('executed', 'stopped'))),
    CHECK ((kind = 'limits') = (limits IS NOT NULL)),
    CHECK ((kind = 'lease') = (lease_group IS NOT NULL)),
    CHECK ((lease_group IS NULL) = (lease_lock IS NULL)),
    CHECK ((lease_group IS NULL) = (lease_wipe IS NULL))
) STRICT;

-- Listings run newest first, optionally of one state or of one kind.
CREATE INDEX wipe_requests_created ON wipe_requests (created_at, id);
CREATE INDEX wipe_requests_state ON wipe_requests (state, created_at, id);
CREATE INDEX wipe_requests_kind ON wipe_requests (kind, created_at, id);
-- How often one person needed another within a day.
CREATE INDEX wipe_requests_asked ON wipe_requests (person, created_at) WHERE expires_at IS NOT NULL;
CREATE INDEX wipe_requests_waiting ON wipe_requests (expires_at, id) WHERE state = 'waiting';
-- One standing wipe of a person is enough.
CREATE UNIQUE INDEX wipe_requests_standing ON wipe_requests (user_name)
    WHERE kind = 'user-wipe' AND state = 'executed' AND lifted_at IS NULL;

-- The enrolments that a request names, in its order.
CREATE TABLE wipe_request_devices (
    request_id TEXT    NOT NULL REFERENCES wipe_requests (id),
    position   INTEGER NOT NULL CHECK (position >= 0),
    device_id  TEXT    NOT NULL CHECK (device_id <> ''),
    epoch      INTEGER NOT NULL CHECK (epoch > 0),

    PRIMARY KEY (request_id, position),
    UNIQUE (request_id, device_id)
) STRICT, WITHOUT ROWID;

-- The groups of those devices.
CREATE TABLE wipe_request_groups (
    request_id TEXT NOT NULL REFERENCES wipe_requests (id),
    group_name TEXT NOT NULL,

    PRIMARY KEY (request_id, group_name)
) STRICT, WITHOUT ROWID;

-- How much wiping is allowed. There is no row until somebody changes the
-- defaults, which the program has. Spans are nanoseconds.
CREATE TABLE wipe_limits (
    id                INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version           INTEGER NOT NULL CHECK (version > 1),
    person_hour       INTEGER NOT NULL CHECK (person_hour >= 0),
    person_day        INTEGER NOT NULL CHECK (person_day >= 0),
    help_desk_hour    INTEGER NOT NULL CHECK (help_desk_hour >= 0),
    help_desk_day     INTEGER NOT NULL CHECK (help_desk_day >= 0),
    organization_hour INTEGER NOT NULL CHECK (organization_hour >= 0),
    organization_day  INTEGER NOT NULL CHECK (organization_day >= 0),
    quorum_above      INTEGER NOT NULL CHECK (quorum_above >= 0),
    new_credential    INTEGER NOT NULL CHECK (new_credential >= 0),
    cooling_off       INTEGER NOT NULL CHECK (cooling_off >= 0),
    breaker_percent   INTEGER NOT NULL CHECK (breaker_percent BETWEEN 1 AND 100),
    breaker_floor     INTEGER NOT NULL CHECK (breaker_floor >= 0),
    breaker_window    INTEGER NOT NULL CHECK (breaker_window > 0)
) STRICT;

-- The breaker, and the one row that whoever decides anything holds.
CREATE TABLE wipe_breaker (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    opened_at INTEGER,
    why       TEXT    NOT NULL,
    closed_at INTEGER,

    CHECK ((opened_at IS NULL) = (why = ''))
) STRICT;

INSERT INTO wipe_breaker (id, why) VALUES (1, '');

-- The leases, by group; '' is every group without its own. Spans are
-- nanoseconds, 0 for never.
CREATE TABLE wipe_leases (
    group_name TEXT    NOT NULL PRIMARY KEY,
    number     INTEGER NOT NULL UNIQUE CHECK (number > 0),
    lock_after INTEGER NOT NULL CHECK (lock_after >= 0),
    wipe_after INTEGER NOT NULL CHECK (wipe_after >= 0),
    set_at     INTEGER NOT NULL,
    set_by     TEXT    NOT NULL CHECK (set_by <> ''),

    CHECK (wipe_after = 0 OR (lock_after > 0 AND lock_after < wipe_after))
) STRICT, WITHOUT ROWID;

-- Which enrolment holds the signed order for which lease: the latest it was
-- given.
CREATE TABLE wipe_lease_holders (
    device_id    TEXT    NOT NULL REFERENCES wipe_devices (device_id),
    epoch        INTEGER NOT NULL CHECK (epoch > 0),
    lease_number INTEGER NOT NULL CHECK (lease_number > 0),
    lease_lock   INTEGER NOT NULL CHECK (lease_lock > 0),
    lease_wipe   INTEGER NOT NULL CHECK (lease_wipe > lease_lock),
    order_id     TEXT    NOT NULL UNIQUE CHECK (order_id <> ''),
    sequence     INTEGER NOT NULL CHECK (sequence > 0),
    fetched_at   INTEGER NOT NULL,

    PRIMARY KEY (device_id, epoch)
) STRICT, WITHOUT ROWID;

-- When somebody's exhausted budget was last recorded.
CREATE TABLE wipe_alerts (
    person     TEXT    NOT NULL PRIMARY KEY CHECK (person <> ''),
    alerted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Orders anew, because SQLite cannot change what a column may hold, and with
-- them what refers to them, so that every reference holds at every moment. The
-- old orders keep all they have; the group and the ownership of an enrolment
-- that still is the device's are taken from its record.
DROP TRIGGER wipe_orders_fixed;
DROP TRIGGER wipe_orders_kept;
DROP TRIGGER wipe_orders_proved;
DROP TRIGGER wipe_orders_begin;
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
    source          TEXT    NOT NULL CHECK (source IN ('', 'administrator', 'user', 'lease')),
    request_id      TEXT    REFERENCES wipe_requests (id),
    person          TEXT    NOT NULL,
    credential      TEXT    NOT NULL,
    counted_at      INTEGER NOT NULL,
    -- The device as it was when it was ordered.
    group_name      TEXT    NOT NULL,
    ownership       TEXT    NOT NULL CHECK (ownership IN ('', 'personal', 'company')),
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
    CHECK (source <> 'user' OR scope = 'work-profile'),
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
    -- Settled is what has ended; only what ends the enrolment may wait for it.
    CHECK (settled_at IS NULL OR state IN ('done', 'failed', 'cancelled', 'expired')),
    CHECK (settled_at IS NOT NULL OR state IN ('pending', 'delivered', 'acknowledged')
        OR (state = 'done' AND scope IN ('work-profile', 'relinquish', 'whole-device'))),
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
    source, person, credential, counted_at, group_name, ownership, refusals, refusal,
    commitment_at, commitment_packages, commitment_files, commitment_bytes, commitment_keys, commitment_certificates,
    commitment_key, commitment_digest,
    receipt_finished_at, receipt_packages, receipt_files, receipt_bytes, receipt_keys, receipt_certificates)
SELECT
    o.id, o.device_id, o.epoch, o.sequence, o.scope, o.packages, 0, o.state, o.reason, o.created_by,
    o.created_at, o.not_after, o.changed_at, o.acknowledged_at, o.settled_at, o.not_now_count, o.outcome, o.version,
    '', '', '', o.created_at, COALESCE(d.group_name, ''), COALESCE(d.ownership, ''), o.refusals, o.refusal,
    o.commitment_at, o.commitment_packages, o.commitment_files, o.commitment_bytes, o.commitment_keys, o.commitment_certificates,
    o.commitment_key, o.commitment_digest,
    o.receipt_finished_at, o.receipt_packages, o.receipt_files, o.receipt_bytes, o.receipt_keys, o.receipt_certificates
FROM wipe_orders o LEFT JOIN enroll_devices d ON d.id = o.device_id AND d.epoch = o.epoch;

INSERT INTO wipe_proofs_next (order_id, kind, content, signature, chain)
SELECT order_id, kind, content, signature, chain FROM wipe_proofs;

DROP TABLE wipe_proofs;
DROP TABLE wipe_orders;
ALTER TABLE wipe_orders_next RENAME TO wipe_orders;
ALTER TABLE wipe_proofs_next RENAME TO wipe_proofs;

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
      OLD.counted_at, OLD.group_name, OLD.ownership, OLD.held_until, OLD.lease_number, OLD.lease_lock, OLD.lease_wipe)
  IS NOT
     (NEW.id, NEW.device_id, NEW.epoch, NEW.scope, NEW.packages, NEW.personal_side,
      NEW.reason, NEW.created_by, NEW.created_at, NEW.not_after, NEW.source, NEW.request_id, NEW.person, NEW.credential,
      NEW.counted_at, NEW.group_name, NEW.ownership, NEW.held_until, NEW.lease_number, NEW.lease_lock, NEW.lease_wipe)
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
-- that this very enrolment holds.
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
      AND r.scope = NEW.scope AND r.packages = NEW.packages AND r.personal_side = NEW.personal_side
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

-- A request begins with nobody's word but the asker's.
-- +goose StatementBegin
CREATE TRIGGER wipe_requests_begin BEFORE INSERT ON wipe_requests
WHEN NEW.state NOT IN ('waiting', 'executed') OR NEW.version <> 1 OR NEW.decided_by IS NOT NULL
  OR NEW.lifted_at IS NOT NULL OR NEW.outcome <> ''
BEGIN
    SELECT RAISE(ABORT, 'a wipe request begins undecided');
END;
-- +goose StatementEnd

-- What was asked for never changes, what was decided is decided, and what has
-- ended never begins again. An executed request can be stopped and lifted.
-- +goose StatementBegin
CREATE TRIGGER wipe_requests_fixed BEFORE UPDATE ON wipe_requests
WHEN (OLD.id, OLD.kind, OLD.actor, OLD.request_key, OLD.request_digest, OLD.reason, OLD.person, OLD.role,
      OLD.credential, OLD.credential_at, OLD.created_at, OLD.needs, OLD.expires_at, OLD.scope, OLD.packages,
      OLD.personal_side, OLD.device_count, OLD.lifetime, OLD.plan, OLD.user_name, OLD.limits,
      OLD.lease_group, OLD.lease_lock, OLD.lease_wipe)
  IS NOT
     (NEW.id, NEW.kind, NEW.actor, NEW.request_key, NEW.request_digest, NEW.reason, NEW.person, NEW.role,
      NEW.credential, NEW.credential_at, NEW.created_at, NEW.needs, NEW.expires_at, NEW.scope, NEW.packages,
      NEW.personal_side, NEW.device_count, NEW.lifetime, NEW.plan, NEW.user_name, NEW.limits,
      NEW.lease_group, NEW.lease_lock, NEW.lease_wipe)
  OR NEW.version <> OLD.version + 1
  OR OLD.state NOT IN ('waiting', 'executed')
  OR (OLD.state = 'executed' AND (NEW.state NOT IN ('executed', 'stopped')
      OR (OLD.decided_by, OLD.decided_person, OLD.decided_credential, OLD.decided_at, OLD.decided_words, OLD.held_until)
        IS NOT
         (NEW.decided_by, NEW.decided_person, NEW.decided_credential, NEW.decided_at, NEW.decided_words, NEW.held_until)
      OR (OLD.lifted_at IS NOT NULL AND OLD.lifted_at IS NOT NEW.lifted_at)))
BEGIN
    SELECT RAISE(ABORT, 'a wipe request is fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_requests_kept BEFORE DELETE ON wipe_requests
BEGIN
    SELECT RAISE(ABORT, 'wipe requests are kept');
END;
-- +goose StatementEnd

-- The devices and the groups are there from the beginning: what waits for a
-- second person, or has had one, grows no more.
-- +goose StatementBegin
CREATE TRIGGER wipe_request_devices_begin BEFORE INSERT ON wipe_request_devices
WHEN NOT EXISTS (SELECT 1 FROM wipe_requests r WHERE r.id = NEW.request_id AND r.version = 1 AND NEW.position < r.device_count)
BEGIN
    SELECT RAISE(ABORT, 'the devices of a wipe request are fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_request_devices_fixed BEFORE UPDATE ON wipe_request_devices
BEGIN
    SELECT RAISE(ABORT, 'the devices of a wipe request are fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_request_devices_kept BEFORE DELETE ON wipe_request_devices
BEGIN
    SELECT RAISE(ABORT, 'the devices of a wipe request are fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_request_groups_begin BEFORE INSERT ON wipe_request_groups
WHEN NOT EXISTS (SELECT 1 FROM wipe_requests r WHERE r.id = NEW.request_id AND r.version = 1 AND r.scope IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'the groups of a wipe request are fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_request_groups_fixed BEFORE UPDATE ON wipe_request_groups
BEGIN
    SELECT RAISE(ABORT, 'the groups of a wipe request are fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_request_groups_kept BEFORE DELETE ON wipe_request_groups
BEGIN
    SELECT RAISE(ABORT, 'the groups of a wipe request are fixed');
END;
-- +goose StatementEnd

-- Without the row the defaults would hold again, which may be looser.
-- +goose StatementBegin
CREATE TRIGGER wipe_limits_kept BEFORE DELETE ON wipe_limits
BEGIN
    SELECT RAISE(ABORT, 'the limits on wiping are kept');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_breaker_kept BEFORE DELETE ON wipe_breaker
BEGIN
    SELECT RAISE(ABORT, 'the breaker is kept');
END;
-- +goose StatementEnd
