-- +goose Up

-- Programs that ask for decisions or follow events, each with a secret of its
-- own. Of a secret there is a hash.
CREATE TABLE oauth_clients (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 34 AND id GLOB 'c_*'),
    name         TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    -- Names, with a space between them.
    scopes       TEXT    NOT NULL CHECK (scopes <> ''),
    secret_hash  BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL CHECK (created_by <> ''),
    revoked_at   INTEGER,
    -- Which request made it, so that it is safe to retry.
    request_key  TEXT    NOT NULL UNIQUE CHECK (length(request_key) BETWEEN 8 AND 64),
    request_hash BLOB    NOT NULL CHECK (length(request_hash) = 32)
) STRICT;

CREATE UNIQUE INDEX oauth_clients_name ON oauth_clients (name) WHERE revoked_at IS NULL;
CREATE INDEX oauth_clients_order ON oauth_clients (created_at, id);

-- A client is revoked once, and nothing else of it changes.
-- +goose StatementBegin
CREATE TRIGGER oauth_clients_fixed BEFORE UPDATE ON oauth_clients
WHEN OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
  OR (NEW.id, NEW.name, NEW.scopes, NEW.secret_hash, NEW.created_at, NEW.created_by, NEW.request_key, NEW.request_hash)
    IS NOT (OLD.id, OLD.name, OLD.scopes, OLD.secret_hash, OLD.created_at, OLD.created_by, OLD.request_key, OLD.request_hash)
BEGIN
    SELECT RAISE(ABORT, 'a client is revoked once and is fixed');
END;
-- +goose StatementEnd
