-- +goose Up

-- A credential may be a gateway's, which asks who may enter and may nothing else.
-- SQLite cannot change a check: the table is made anew, with all that is in it.
CREATE TABLE enroll_administrators_new (
    serial      TEXT    NOT NULL PRIMARY KEY CHECK (serial <> ''),
    name        TEXT    NOT NULL CHECK (name <> ''),
    key_hash    BLOB    NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL CHECK (created_by <> ''),
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER,
    role        TEXT    NOT NULL DEFAULT 'gateway'
        CHECK (role IN ('gateway', 'viewer', 'help-desk', 'operator', 'approver', 'owner')),
    person      TEXT    NOT NULL DEFAULT '',
    group_names TEXT    NOT NULL DEFAULT ''
) STRICT;

INSERT INTO enroll_administrators_new
    (serial, name, key_hash, created_at, created_by, expires_at, revoked_at, role, person, group_names)
SELECT serial, name, key_hash, created_at, created_by, expires_at, revoked_at, role, person, group_names
FROM enroll_administrators;

DROP TABLE enroll_administrators;
ALTER TABLE enroll_administrators_new RENAME TO enroll_administrators;

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
