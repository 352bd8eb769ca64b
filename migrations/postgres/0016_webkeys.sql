-- +goose Up

-- The keys that tokens and events are signed with. They are numbered by
-- algorithm, so that of several servers one makes the next. The private half is
-- sealed, with a key that is not in the database.
CREATE TABLE webkeys_keys (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 43),
    algorithm  TEXT COLLATE "C" NOT NULL CHECK (algorithm IN ('RS256', 'ES256', 'EdDSA')),
    number     BIGINT  NOT NULL CHECK (number > 0),
    sealed_key BYTEA   NOT NULL CHECK (octet_length(sealed_key) BETWEEN 32 AND 4096),
    created_at BIGINT  NOT NULL,
    signs_from BIGINT  NOT NULL CHECK (signs_from >= created_at),
    UNIQUE (algorithm, number)
);

-- +goose StatementBegin
CREATE FUNCTION webkeys_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% never change', TG_TABLE_NAME;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER webkeys_keys_fixed BEFORE UPDATE ON webkeys_keys
    FOR EACH STATEMENT EXECUTE FUNCTION webkeys_fixed();
