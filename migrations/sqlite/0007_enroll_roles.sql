-- +goose Up

-- What an administrator may, who it is, and for which groups: their names with
-- a space between, none for every group. Administrators could do everything so
-- far, and so they still can; whoever is added without a role may least.
ALTER TABLE enroll_administrators ADD COLUMN role TEXT NOT NULL DEFAULT 'viewer'
    CHECK (role IN ('viewer', 'help-desk', 'operator', 'approver', 'owner'));
ALTER TABLE enroll_administrators ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE enroll_administrators ADD COLUMN group_names TEXT NOT NULL DEFAULT '';

UPDATE enroll_administrators SET role = 'owner', person = name;

-- +goose StatementBegin
CREATE TRIGGER enroll_administrators_person BEFORE INSERT ON enroll_administrators WHEN NEW.person = ''
BEGIN
    SELECT RAISE(ABORT, 'an administrator is a person');
END;
-- +goose StatementEnd

-- What a credential is for is fixed; it can only end.
-- +goose StatementBegin
CREATE TRIGGER enroll_administrators_fixed BEFORE UPDATE ON enroll_administrators
WHEN NEW.serial <> OLD.serial OR NEW.name <> OLD.name OR NEW.role <> OLD.role OR NEW.person <> OLD.person
  OR NEW.group_names <> OLD.group_names OR NEW.created_at <> OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'an administrator''s credential is fixed');
END;
-- +goose StatementEnd

-- Deleted records. From deleted_at to purged_at a record is a tombstone; of a
-- purged one nothing is left of the person or the phone.
ALTER TABLE enroll_devices ADD COLUMN deleted_at INTEGER;
ALTER TABLE enroll_devices ADD COLUMN deleted_by TEXT
    CHECK (deleted_by <> '' AND (deleted_at IS NULL) = (deleted_by IS NULL));
ALTER TABLE enroll_devices ADD COLUMN purged_at INTEGER
    CHECK (purged_at IS NULL OR (deleted_at IS NOT NULL AND ended_at IS NOT NULL
        AND hardware_tag IS NULL AND user_name = '' AND model = '' AND os_version = ''));

CREATE INDEX enroll_devices_tombstones ON enroll_devices (id) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

-- Whose database it is: the SHA-256 of the installation's root certificate.
CREATE TABLE enroll_installation (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    root_hash  BLOB    NOT NULL CHECK (length(root_hash) = 32),
    adopted_at INTEGER NOT NULL
) STRICT;
