-- +goose Up

-- What administrators asked for, and what came of it. A second person's yes is
-- in the row, and is never the yes of whoever asked.
CREATE TABLE wipe_requests (
    id                 TEXT   NOT NULL PRIMARY KEY CHECK (id <> ''),
    kind               TEXT   NOT NULL CHECK (kind IN
        ('wipe', 'user-wipe', 'limits', 'resume', 'cancel-all', 'lease')),
    state              TEXT   NOT NULL CHECK (state IN
        ('waiting', 'executed', 'rejected', 'expired', 'stopped', 'void')),
    -- Who asked. A key belongs to its asker.
    actor              TEXT   NOT NULL CHECK (actor <> ''),
    request_key        TEXT   NOT NULL CHECK (request_key <> ''),
    request_digest     TEXT   NOT NULL CHECK (length(request_digest) = 64),
    reason             TEXT   NOT NULL CHECK (reason <> ''),
    person             TEXT   NOT NULL CHECK (person <> ''),
    role               TEXT   NOT NULL CHECK (role <> ''),
    credential         TEXT   NOT NULL CHECK (credential <> ''),
    credential_at      BIGINT,
    created_at         BIGINT NOT NULL,
    -- Why it needs a second person, a line each, and how long it waits for one.
    needs              TEXT   NOT NULL,
    expires_at         BIGINT CHECK (expires_at > created_at),
    decided_by         TEXT   CHECK (decided_by <> ''),
    decided_person     TEXT   CHECK (decided_person <> ''),
    decided_credential TEXT,
    decided_at         BIGINT,
    decided_words      TEXT,
    outcome            TEXT   NOT NULL,
    version            BIGINT NOT NULL CHECK (version > 0),

    -- Of a wipe. Spans are nanoseconds.
    scope              TEXT   CHECK (scope IN ('lock', 'app-data', 'work-profile', 'relinquish', 'whole-device')),
    packages           TEXT,
    personal_side      BIGINT CHECK (personal_side = 0 OR (personal_side = 1 AND scope = 'whole-device')),
    device_count       BIGINT NOT NULL CHECK (device_count >= 0),
    lifetime           BIGINT CHECK (lifetime > 0),
    plan               TEXT   CHECK (length(plan) = 64),
    held_until         BIGINT,
    -- Of a wipe of everything of one person.
    user_name          TEXT   CHECK (user_name <> ''),
    lifted_at          BIGINT,
    -- Of a change of limits: JSON. Of a lease: as in wipe_leases.
    limits             TEXT   CHECK (limits <> ''),
    lease_group        TEXT,
    lease_lock         BIGINT CHECK (lease_lock >= 0),
    lease_wipe         BIGINT CHECK (lease_wipe >= 0),

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
);

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
    request_id TEXT   NOT NULL REFERENCES wipe_requests (id),
    position   BIGINT NOT NULL CHECK (position >= 0),
    device_id  TEXT   NOT NULL CHECK (device_id <> ''),
    epoch      BIGINT NOT NULL CHECK (epoch > 0),

    PRIMARY KEY (request_id, position),
    UNIQUE (request_id, device_id)
);

-- The groups of those devices.
CREATE TABLE wipe_request_groups (
    request_id TEXT NOT NULL REFERENCES wipe_requests (id),
    group_name TEXT NOT NULL,

    PRIMARY KEY (request_id, group_name)
);

-- How much wiping is allowed. There is no row until somebody changes the
-- defaults, which the program has. Spans are nanoseconds.
CREATE TABLE wipe_limits (
    id                BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version           BIGINT NOT NULL CHECK (version > 1),
    person_hour       BIGINT NOT NULL CHECK (person_hour >= 0),
    person_day        BIGINT NOT NULL CHECK (person_day >= 0),
    help_desk_hour    BIGINT NOT NULL CHECK (help_desk_hour >= 0),
    help_desk_day     BIGINT NOT NULL CHECK (help_desk_day >= 0),
    organization_hour BIGINT NOT NULL CHECK (organization_hour >= 0),
    organization_day  BIGINT NOT NULL CHECK (organization_day >= 0),
    quorum_above      BIGINT NOT NULL CHECK (quorum_above >= 0),
    new_credential    BIGINT NOT NULL CHECK (new_credential >= 0),
    cooling_off       BIGINT NOT NULL CHECK (cooling_off >= 0),
    breaker_percent   BIGINT NOT NULL CHECK (breaker_percent BETWEEN 1 AND 100),
    breaker_floor     BIGINT NOT NULL CHECK (breaker_floor >= 0),
    breaker_window    BIGINT NOT NULL CHECK (breaker_window > 0)
);

-- The breaker, and the one row that whoever decides anything holds.
CREATE TABLE wipe_breaker (
    id        BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    opened_at BIGINT,
    why       TEXT   NOT NULL,
    closed_at BIGINT,

    CHECK ((opened_at IS NULL) = (why = ''))
);

INSERT INTO wipe_breaker (id, why) VALUES (1, '');

-- The leases, by group; '' is every group without its own. Spans are
-- nanoseconds, 0 for never.
CREATE TABLE wipe_leases (
    group_name TEXT   NOT NULL PRIMARY KEY,
    number     BIGINT NOT NULL UNIQUE CHECK (number > 0),
    lock_after BIGINT NOT NULL CHECK (lock_after >= 0),
    wipe_after BIGINT NOT NULL CHECK (wipe_after >= 0),
    set_at     BIGINT NOT NULL,
    set_by     TEXT   NOT NULL CHECK (set_by <> ''),

    CHECK (wipe_after = 0 OR (lock_after > 0 AND lock_after < wipe_after))
);

-- Which enrolment holds the signed order for which lease: the latest it was
-- given.
CREATE TABLE wipe_lease_holders (
    device_id    TEXT   NOT NULL REFERENCES wipe_devices (device_id),
    epoch        BIGINT NOT NULL CHECK (epoch > 0),
    lease_number BIGINT NOT NULL CHECK (lease_number > 0),
    lease_lock   BIGINT NOT NULL CHECK (lease_lock > 0),
    lease_wipe   BIGINT NOT NULL CHECK (lease_wipe > lease_lock),
    order_id     TEXT   NOT NULL UNIQUE CHECK (order_id <> ''),
    sequence     BIGINT NOT NULL CHECK (sequence > 0),
    fetched_at   BIGINT NOT NULL,

    PRIMARY KEY (device_id, epoch)
);

-- When somebody's exhausted budget was last recorded.
CREATE TABLE wipe_alerts (
    person     TEXT   NOT NULL PRIMARY KEY CHECK (person <> ''),
    alerted_at BIGINT NOT NULL
);

-- What an order says more. Old orders keep all they have; the group and the
-- ownership of an enrolment that still is the device's are taken from its
-- record.
DROP TRIGGER wipe_orders_fixed ON wipe_orders;
DROP TRIGGER wipe_orders_proved ON wipe_orders;
DROP TRIGGER wipe_orders_begin ON wipe_orders;

ALTER TABLE wipe_orders
    DROP COLUMN request_key,
    DROP COLUMN request_digest,
    -- Whether a whole device has a personal side, which goes too.
    ADD COLUMN personal_side BIGINT NOT NULL DEFAULT 0,
    -- Where it came from; '' is from before there were requests. When it came
    -- to be is what budgets and the breaker go by: the order of a lease is dated
    -- when its device fetched it, long before.
    ADD COLUMN source       TEXT   NOT NULL DEFAULT '' CHECK (source IN ('', 'administrator', 'user', 'lease')),
    ADD COLUMN request_id   TEXT   REFERENCES wipe_requests (id),
    ADD COLUMN person       TEXT   NOT NULL DEFAULT '',
    ADD COLUMN credential   TEXT   NOT NULL DEFAULT '',
    ADD COLUMN counted_at   BIGINT NOT NULL DEFAULT 0,
    -- The device as it was when it was ordered.
    ADD COLUMN group_name   TEXT   NOT NULL DEFAULT '',
    ADD COLUMN ownership    TEXT   NOT NULL DEFAULT '' CHECK (ownership IN ('', 'personal', 'company')),
    ADD COLUMN held_until   BIGINT,
    ADD COLUMN lease_number BIGINT CHECK (lease_number > 0),
    ADD COLUMN lease_lock   BIGINT CHECK (lease_lock > 0),
    ADD COLUMN lease_wipe   BIGINT;

UPDATE wipe_orders SET counted_at = created_at;
UPDATE wipe_orders o SET group_name = d.group_name, ownership = d.ownership
FROM enroll_devices d WHERE d.id = o.device_id AND d.epoch = o.epoch;

ALTER TABLE wipe_orders
    ALTER COLUMN personal_side DROP DEFAULT,
    ALTER COLUMN source DROP DEFAULT,
    ALTER COLUMN person DROP DEFAULT,
    ALTER COLUMN credential DROP DEFAULT,
    ALTER COLUMN counted_at DROP DEFAULT,
    ALTER COLUMN group_name DROP DEFAULT,
    ALTER COLUMN ownership DROP DEFAULT,
    -- What a scope may be, what may wait for the end of the enrolment, and what
    -- a device commits itself for.
    DROP CONSTRAINT wipe_orders_scope_check,
    DROP CONSTRAINT wipe_orders_check11,
    DROP CONSTRAINT wipe_orders_check14,
    ADD CHECK (scope IN ('lock', 'app-data', 'work-profile', 'relinquish', 'whole-device')),
    ADD CHECK (settled_at IS NOT NULL OR state IN ('pending', 'delivered', 'acknowledged')
        OR (state = 'done' AND scope IN ('work-profile', 'relinquish', 'whole-device'))),
    ADD CHECK (commitment_at IS NULL
        OR (acknowledged_at IS NOT NULL AND scope IN ('work-profile', 'relinquish', 'whole-device'))),
    ADD CHECK (personal_side = 0 OR (personal_side = 1 AND scope = 'whole-device')),
    ADD CHECK (scope NOT IN ('relinquish', 'whole-device') OR ownership = 'company'),
    ADD CHECK (source <> '' OR scope IN ('app-data', 'work-profile')),
    ADD CHECK (source = '' OR ownership <> ''),
    ADD CHECK ((source IN ('administrator', 'user')) = (request_id IS NOT NULL)),
    ADD CHECK ((source IN ('administrator', 'user')) = (person <> '')),
    ADD CHECK ((person <> '') = (credential <> '')),
    ADD CHECK (held_until IS NULL OR request_id IS NOT NULL),
    ADD CHECK (source <> 'user' OR scope = 'work-profile'),
    ADD CHECK (source <> 'lease' OR scope = 'work-profile'),
    ADD CHECK ((source = 'lease') = (lease_number IS NOT NULL)),
    ADD CHECK ((source = 'lease') = (lease_lock IS NOT NULL)),
    ADD CHECK ((source = 'lease') = (lease_wipe IS NOT NULL)),
    ADD CHECK (lease_wipe > lease_lock);

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
CREATE TRIGGER wipe_orders_fixed BEFORE UPDATE ON wipe_orders FOR EACH ROW
WHEN ((OLD.id, OLD.device_id, OLD.epoch, OLD.scope, OLD.packages, OLD.personal_side,
       OLD.reason, OLD.created_by, OLD.created_at, OLD.not_after, OLD.source, OLD.request_id, OLD.person, OLD.credential,
       OLD.counted_at, OLD.group_name, OLD.ownership, OLD.held_until, OLD.lease_number, OLD.lease_lock, OLD.lease_wipe)
  IS DISTINCT FROM
      (NEW.id, NEW.device_id, NEW.epoch, NEW.scope, NEW.packages, NEW.personal_side,
       NEW.reason, NEW.created_by, NEW.created_at, NEW.not_after, NEW.source, NEW.request_id, NEW.person, NEW.credential,
       NEW.counted_at, NEW.group_name, NEW.ownership, NEW.held_until, NEW.lease_number, NEW.lease_lock, NEW.lease_wipe)
  OR (OLD.state IN ('done', 'failed', 'cancelled', 'expired') AND OLD.state <> NEW.state)
  -- Until its device promises, an order that it has gone past gets a new number.
  OR NEW.sequence < OLD.sequence
  OR (NEW.sequence <> OLD.sequence AND NOT (OLD.state IN ('pending', 'delivered') AND NEW.state = OLD.state)))
EXECUTE FUNCTION wipe_orders_fixed();

-- Done needs the signed receipt, and a promise that ends the enrolment the
-- signed commitment, both of which are saved first; the commitment never
-- changes.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION wipe_orders_proved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.state = 'done' AND OLD.state <> 'done'
          AND NOT EXISTS (SELECT 1 FROM wipe_proofs WHERE order_id = NEW.id AND kind = 'receipt'))
      OR (NEW.state IN ('acknowledged', 'done') AND OLD.state <> NEW.state
          AND NEW.scope IN ('work-profile', 'relinquish', 'whole-device')
          AND (NEW.commitment_at IS NULL
            OR NOT EXISTS (SELECT 1 FROM wipe_proofs WHERE order_id = NEW.id AND kind = 'commitment')))
      OR (OLD.commitment_at IS NOT NULL
          AND (OLD.commitment_at, OLD.commitment_packages, OLD.commitment_files, OLD.commitment_bytes,
               OLD.commitment_keys, OLD.commitment_certificates, OLD.commitment_key, OLD.commitment_digest)
            IS DISTINCT FROM
              (NEW.commitment_at, NEW.commitment_packages, NEW.commitment_files, NEW.commitment_bytes,
               NEW.commitment_keys, NEW.commitment_certificates, NEW.commitment_key, NEW.commitment_digest))
    THEN
        RAISE EXCEPTION 'a wipe order needs what the device signed';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_orders_proved BEFORE UPDATE ON wipe_orders
    FOR EACH ROW EXECUTE FUNCTION wipe_orders_proved();

-- An order begins without the device's word, and with a reason that the
-- database knows: a request that is executed, and names just this, or a lease
-- that this very enrolment holds.
CREATE TRIGGER wipe_orders_begin BEFORE INSERT ON wipe_orders FOR EACH ROW
WHEN (NEW.state <> 'pending' OR NEW.commitment_at IS NOT NULL OR NEW.refusals <> 0 OR NEW.source = '')
EXECUTE FUNCTION wipe_orders_begin();

-- +goose StatementBegin
CREATE FUNCTION wipe_orders_requested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM wipe_requests r
        WHERE r.id = NEW.request_id AND r.state = 'executed' AND r.lifted_at IS NULL
          AND r.kind = CASE NEW.source WHEN 'user' THEN 'user-wipe' ELSE 'wipe' END
          AND r.actor = NEW.created_by AND r.person = NEW.person AND r.credential = NEW.credential
          AND r.scope = NEW.scope AND r.packages = NEW.packages AND r.personal_side = NEW.personal_side
          AND r.held_until IS NOT DISTINCT FROM NEW.held_until
          AND (r.kind = 'user-wipe' OR EXISTS (
              SELECT 1 FROM wipe_request_devices d
              WHERE d.request_id = r.id AND d.device_id = NEW.device_id AND d.epoch = NEW.epoch)))
    THEN
        RAISE EXCEPTION 'a wipe order needs its request';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_orders_requested BEFORE INSERT ON wipe_orders FOR EACH ROW
WHEN (NEW.source IN ('administrator', 'user'))
EXECUTE FUNCTION wipe_orders_requested();

-- +goose StatementBegin
CREATE FUNCTION wipe_orders_leased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM wipe_lease_holders h
        WHERE h.device_id = NEW.device_id AND h.epoch = NEW.epoch AND h.order_id = NEW.id AND h.sequence = NEW.sequence
          AND h.lease_number = NEW.lease_number AND h.lease_lock = NEW.lease_lock AND h.lease_wipe = NEW.lease_wipe)
    THEN
        RAISE EXCEPTION 'a wipe order needs its lease';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_orders_leased BEFORE INSERT ON wipe_orders FOR EACH ROW
WHEN (NEW.source = 'lease')
EXECUTE FUNCTION wipe_orders_leased();

-- A request begins with nobody's word but the asker's.
-- +goose StatementBegin
CREATE FUNCTION wipe_requests_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a wipe request begins undecided';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_requests_begin BEFORE INSERT ON wipe_requests FOR EACH ROW
WHEN (NEW.state NOT IN ('waiting', 'executed') OR NEW.version <> 1 OR NEW.decided_by IS NOT NULL
  OR NEW.lifted_at IS NOT NULL OR NEW.outcome <> '')
EXECUTE FUNCTION wipe_requests_begin();

-- What was asked for never changes, what was decided is decided, and what has
-- ended never begins again. An executed request can be stopped and lifted.
-- +goose StatementBegin
CREATE FUNCTION wipe_requests_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a wipe request is fixed';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_requests_fixed BEFORE UPDATE ON wipe_requests FOR EACH ROW
WHEN ((OLD.id, OLD.kind, OLD.actor, OLD.request_key, OLD.request_digest, OLD.reason, OLD.person, OLD.role,
       OLD.credential, OLD.credential_at, OLD.created_at, OLD.needs, OLD.expires_at, OLD.scope, OLD.packages,
       OLD.personal_side, OLD.device_count, OLD.lifetime, OLD.plan, OLD.user_name, OLD.limits,
       OLD.lease_group, OLD.lease_lock, OLD.lease_wipe)
  IS DISTINCT FROM
      (NEW.id, NEW.kind, NEW.actor, NEW.request_key, NEW.request_digest, NEW.reason, NEW.person, NEW.role,
       NEW.credential, NEW.credential_at, NEW.created_at, NEW.needs, NEW.expires_at, NEW.scope, NEW.packages,
       NEW.personal_side, NEW.device_count, NEW.lifetime, NEW.plan, NEW.user_name, NEW.limits,
       NEW.lease_group, NEW.lease_lock, NEW.lease_wipe)
  OR NEW.version <> OLD.version + 1
  OR OLD.state NOT IN ('waiting', 'executed')
  OR (OLD.state = 'executed' AND (NEW.state NOT IN ('executed', 'stopped')
      OR (OLD.decided_by, OLD.decided_person, OLD.decided_credential, OLD.decided_at, OLD.decided_words, OLD.held_until)
        IS DISTINCT FROM
         (NEW.decided_by, NEW.decided_person, NEW.decided_credential, NEW.decided_at, NEW.decided_words, NEW.held_until)
      OR (OLD.lifted_at IS NOT NULL AND OLD.lifted_at IS DISTINCT FROM NEW.lifted_at))))
EXECUTE FUNCTION wipe_requests_fixed();

-- +goose StatementBegin
CREATE FUNCTION wipe_requests_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'wipe requests are kept';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_requests_kept BEFORE DELETE OR TRUNCATE ON wipe_requests
    FOR EACH STATEMENT EXECUTE FUNCTION wipe_requests_kept();

-- The devices and the groups are there from the beginning: what waits for a
-- second person, or has had one, grows no more.
-- +goose StatementBegin
CREATE FUNCTION wipe_request_devices_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM wipe_requests r WHERE r.id = NEW.request_id AND r.version = 1 AND NEW.position < r.device_count) THEN
        RAISE EXCEPTION 'the devices of a wipe request are fixed';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_request_devices_begin BEFORE INSERT ON wipe_request_devices
    FOR EACH ROW EXECUTE FUNCTION wipe_request_devices_begin();

-- +goose StatementBegin
CREATE FUNCTION wipe_request_groups_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM wipe_requests r WHERE r.id = NEW.request_id AND r.version = 1 AND r.scope IS NOT NULL) THEN
        RAISE EXCEPTION 'the groups of a wipe request are fixed';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_request_groups_begin BEFORE INSERT ON wipe_request_groups
    FOR EACH ROW EXECUTE FUNCTION wipe_request_groups_begin();

-- +goose StatementBegin
CREATE FUNCTION wipe_request_parts_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the devices and groups of a wipe request are fixed';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_request_devices_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON wipe_request_devices
    FOR EACH STATEMENT EXECUTE FUNCTION wipe_request_parts_fixed();

CREATE TRIGGER wipe_request_groups_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON wipe_request_groups
    FOR EACH STATEMENT EXECUTE FUNCTION wipe_request_parts_fixed();

-- Without the row the defaults would hold again, which may be looser.
-- +goose StatementBegin
CREATE FUNCTION wipe_governance_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the limits on wiping and the breaker are kept';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER wipe_limits_kept BEFORE DELETE OR TRUNCATE ON wipe_limits
    FOR EACH STATEMENT EXECUTE FUNCTION wipe_governance_kept();

CREATE TRIGGER wipe_breaker_kept BEFORE DELETE OR TRUNCATE ON wipe_breaker
    FOR EACH STATEMENT EXECUTE FUNCTION wipe_governance_kept();
