-- +goose Up

-- Which token each epoch was opened with, so that a token can forget its user
-- once every device that joined with it is purged. Of an epoch before the latest
-- it was not kept so far.
ALTER TABLE enroll_endings ADD COLUMN token_id TEXT REFERENCES enroll_tokens (id);

UPDATE enroll_endings SET token_id = d.token_id
FROM enroll_devices AS d
WHERE d.id = enroll_endings.device_id AND d.epoch = enroll_endings.epoch;

CREATE INDEX enroll_endings_token ON enroll_endings (token_id) WHERE token_id IS NOT NULL;

-- When a device that joined with the token was purged: the user is to go as soon
-- as nobody needs it. NULL again when it has gone.
ALTER TABLE enroll_tokens ADD COLUMN forget_at BIGINT CHECK (forget_at IS NULL OR user_name <> '');

UPDATE enroll_tokens SET forget_at = created_at
WHERE user_name <> '' AND id IN (SELECT token_id FROM enroll_devices WHERE purged_at IS NOT NULL);

CREATE INDEX enroll_tokens_forget ON enroll_tokens (id) WHERE forget_at IS NOT NULL;
