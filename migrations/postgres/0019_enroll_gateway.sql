-- +goose Up

-- A credential may be a gateway's, which asks who may enter and may nothing else.
ALTER TABLE enroll_administrators DROP CONSTRAINT enroll_administrators_role_check;
ALTER TABLE enroll_administrators ADD CONSTRAINT enroll_administrators_role_check
    CHECK (role IN ('gateway', 'viewer', 'help-desk', 'operator', 'approver', 'owner'));
ALTER TABLE enroll_administrators ALTER COLUMN role SET DEFAULT 'gateway';
