-- +goose Up

-- Registrations of apps are wiped like devices: their orders are orders, and
-- their ids are in device_id. The old orders keep all they have, and are of
-- devices.
DROP TRIGGER wipe_orders_fixed ON wipe_orders;

-- The app of a registration, as it was when it was ordered; '' of a device.
ALTER TABLE wipe_orders ADD COLUMN app TEXT NOT NULL DEFAULT '';

ALTER TABLE wipe_orders
    ALTER COLUMN app DROP DEFAULT,
    -- Where an order may come from, what may wait for the end of the enrolment, or
    -- of the registration, and what goes where everything of one person does.
    DROP CONSTRAINT wipe_orders_source_check,
    DROP CONSTRAINT wipe_orders_check11,
    DROP CONSTRAINT wipe_orders_check30,
    ADD CHECK (source IN ('', 'administrator', 'user', 'lease', 'policy')),
    ADD CHECK (settled_at IS NOT NULL OR state IN ('pending', 'delivered', 'acknowledged')
        OR (state = 'done' AND (app <> '' OR scope IN ('work-profile', 'relinquish', 'whole-device')))),
    ADD CHECK (source <> 'user' OR scope = 'work-profile' OR app <> ''),
    -- Of a registration there is the data of its own app, and nothing else.
    ADD CHECK (app = '' OR (scope = 'app-data' AND packages = app AND ownership = 'personal' AND group_name = '')),
    -- A policy orders nothing of a device.
    ADD CHECK (source <> 'policy' OR (app <> '' AND created_by = 'server'));

-- Which enrolment was given the signed order for which lease. All that it was
-- given is kept: the answer that brought the last may have been lost, and the
-- phone then acts under the one before.
ALTER TABLE wipe_lease_holders
    DROP CONSTRAINT wipe_lease_holders_pkey,
    ADD PRIMARY KEY (device_id, epoch, lease_number);

-- An order is never meant for somebody or something else than it was at first,
-- and what has ended never begins again.
CREATE TRIGGER wipe_orders_fixed BEFORE UPDATE ON wipe_orders FOR EACH ROW
WHEN ((OLD.id, OLD.device_id, OLD.epoch, OLD.scope, OLD.packages, OLD.personal_side,
       OLD.reason, OLD.created_by, OLD.created_at, OLD.not_after, OLD.source, OLD.request_id, OLD.person, OLD.credential,
       OLD.counted_at, OLD.group_name, OLD.ownership, OLD.app, OLD.held_until, OLD.lease_number, OLD.lease_lock, OLD.lease_wipe)
  IS DISTINCT FROM
      (NEW.id, NEW.device_id, NEW.epoch, NEW.scope, NEW.packages, NEW.personal_side,
       NEW.reason, NEW.created_by, NEW.created_at, NEW.not_after, NEW.source, NEW.request_id, NEW.person, NEW.credential,
       NEW.counted_at, NEW.group_name, NEW.ownership, NEW.app, NEW.held_until, NEW.lease_number, NEW.lease_lock, NEW.lease_wipe)
  OR (OLD.state IN ('done', 'failed', 'cancelled', 'expired') AND OLD.state <> NEW.state)
  -- Until its device promises, an order that it has gone past gets a new number.
  OR NEW.sequence < OLD.sequence
  OR (NEW.sequence <> OLD.sequence AND NOT (OLD.state IN ('pending', 'delivered') AND NEW.state = OLD.state)))
EXECUTE FUNCTION wipe_orders_fixed();

-- An order needs what explains it: a request that is executed, and names just
-- this. Of a policy the database knows that it is for a registration.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION wipe_orders_requested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM wipe_requests r
        WHERE r.id = NEW.request_id AND r.state = 'executed' AND r.lifted_at IS NULL
          AND r.kind = CASE NEW.source WHEN 'user' THEN 'user-wipe' ELSE 'wipe' END
          AND r.actor = NEW.created_by AND r.person = NEW.person AND r.credential = NEW.credential
          -- Everything of one person is, of a registration, the data of its app.
          AND (r.kind = 'user-wipe' AND NEW.app <> '' OR r.scope = NEW.scope AND r.packages = NEW.packages)
          AND r.personal_side = NEW.personal_side
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
