-- +goose Up

-- What an administrator may, who it is, and for which groups: their names with
-- a space between, none for every group. Administrators could do everything so
-- far, and so they still can; whoever is added without a role may least.
ALTER TABLE enroll_administrators ADD COLUMN role TEXT NOT NULL DEFAULT 'viewer'
    CHECK (role IN ('viewer', 'help-desk', 'operator', 'approver', 'owner'));
ALTER TABLE enroll_administrators ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE enroll_administrators ADD COLUMN group_names TEXT NOT NULL DEFAULT '';

UPDATE enroll_administrators SET role = 'owner', person = name;

ALTER TABLE enroll_administrators ADD CHECK (person <> '');

-- What a credential is for is fixed; it can only end.
-- +goose StatementBegin
CREATE FUNCTION enroll_administrators_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an administrator''s credential is fixed';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER enroll_administrators_fixed BEFORE UPDATE ON enroll_administrators FOR EACH ROW
WHEN (NEW.serial <> OLD.serial OR NEW.name <> OLD.name OR NEW.role <> OLD.role OR NEW.person <> OLD.person
  OR NEW.group_names <> OLD.group_names OR NEW.created_at <> OLD.created_at)
EXECUTE FUNCTION enroll_administrators_fixed();

-- Deleted records. From deleted_at to purged_at a record is a tombstone; of a
-- purged one nothing is left of the person or the phone.
ALTER TABLE enroll_devices ADD COLUMN deleted_at BIGINT;
ALTER TABLE enroll_devices ADD COLUMN deleted_by TEXT
    CHECK (deleted_by <> '' AND (deleted_at IS NULL) = (deleted_by IS NULL));
ALTER TABLE enroll_devices ADD COLUMN purged_at BIGINT
    CHECK (purged_at IS NULL OR (deleted_at IS NOT NULL AND ended_at IS NOT NULL
        AND hardware_tag IS NULL AND user_name = '' AND model = '' AND os_version = ''));

CREATE INDEX enroll_devices_tombstones ON enroll_devices (id) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

-- Whose database it is: the SHA-256 of the installation's root certificate.
CREATE TABLE enroll_installation (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    root_hash  BYTEA  NOT NULL CHECK (octet_length(root_hash) = 32),
    adopted_at BIGINT NOT NULL
);
