-- +goose Up

-- Every change of policies or locations there ever was, by its number: the
-- generation that it made. What holds from one generation to another is said by
-- these numbers, so that all that was in force at any of them can be had.
CREATE TABLE access_changes (
    generation BIGINT NOT NULL PRIMARY KEY CHECK (generation > 0),
    changed_at BIGINT NOT NULL
);

CREATE INDEX access_changes_time ON access_changes (changed_at, generation);

-- Every revision of a policy: JSON. It is in force from one generation until
-- another, which deletes it or revises it; NULL is for as long as nothing does.
CREATE TABLE access_policies (
    name             TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    revision         BIGINT NOT NULL CHECK (revision > 0),
    spec             TEXT NOT NULL CHECK (length(spec) BETWEEN 2 AND 4194304),
    created_at       BIGINT NOT NULL,
    revised_at       BIGINT NOT NULL,
    revised_by       TEXT NOT NULL CHECK (revised_by <> ''),
    since_generation BIGINT NOT NULL REFERENCES access_changes (generation),
    until_generation BIGINT REFERENCES access_changes (generation),
    PRIMARY KEY (name, revision),
    CHECK (until_generation > since_generation)
);

CREATE UNIQUE INDEX access_policies_live ON access_policies (name) WHERE until_generation IS NULL;

-- Every version of a location: JSON.
CREATE TABLE access_locations (
    name             TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    version          BIGINT NOT NULL CHECK (version > 0),
    content          TEXT NOT NULL CHECK (length(content) BETWEEN 2 AND 1048576),
    created_at       BIGINT NOT NULL,
    changed_at       BIGINT NOT NULL,
    changed_by       TEXT NOT NULL CHECK (changed_by <> ''),
    since_generation BIGINT NOT NULL REFERENCES access_changes (generation),
    until_generation BIGINT REFERENCES access_changes (generation),
    PRIMARY KEY (name, version),
    CHECK (until_generation > since_generation)
);

CREATE UNIQUE INDEX access_locations_live ON access_locations (name) WHERE until_generation IS NULL;

-- Decisions of one kind: the sign-in with the network it came from, never its
-- address, and the facts of the last time. The digest is of the kind.
CREATE TABLE access_samples (
    digest   BYTEA NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    content  TEXT NOT NULL CHECK (length(content) BETWEEN 2 AND 262144),
    decided  BIGINT NOT NULL CHECK (decided > 0),
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL CHECK (last_at >= first_at)
);

CREATE INDEX access_samples_last ON access_samples (last_at);

-- Counts the decisions there was no room for. One row.
CREATE TABLE access_samples_lost (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    lost BIGINT NOT NULL CHECK (lost >= 0)
);
INSERT INTO access_samples_lost (id, lost) VALUES (1, 0);

-- What was known of a phone or of a registration from a time on: JSON; NULL where
-- it was gone.
CREATE TABLE access_moments (
    subject  TEXT COLLATE "C" NOT NULL CHECK (length(subject) BETWEEN 8 AND 64),
    known_at BIGINT NOT NULL,
    content  TEXT CHECK (length(content) BETWEEN 2 AND 262144),
    PRIMARY KEY (subject, known_at)
);

CREATE INDEX access_moments_time ON access_moments (known_at);

-- The generations count up without a gap.
-- +goose StatementBegin
CREATE FUNCTION access_changes_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.generation > 1 AND NOT EXISTS (SELECT 1 FROM access_changes WHERE generation = NEW.generation - 1) THEN
        RAISE EXCEPTION 'generations count up';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_changes_begin BEFORE INSERT ON access_changes FOR EACH ROW
EXECUTE FUNCTION access_changes_begin();

-- A name keeps its numbers: they go up one by one.
-- +goose StatementBegin
CREATE FUNCTION access_policies_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.until_generation IS NOT NULL OR NEW.revision <> (SELECT COALESCE(MAX(revision), 0) + 1 FROM access_policies WHERE name = NEW.name) THEN
        RAISE EXCEPTION 'the revisions of a policy count up';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_policies_begin BEFORE INSERT ON access_policies FOR EACH ROW
EXECUTE FUNCTION access_policies_begin();
-- +goose StatementBegin
CREATE FUNCTION access_locations_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.until_generation IS NOT NULL OR NEW.version <> (SELECT COALESCE(MAX(version), 0) + 1 FROM access_locations WHERE name = NEW.name) THEN
        RAISE EXCEPTION 'the versions of a location count up';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_locations_begin BEFORE INSERT ON access_locations FOR EACH ROW
EXECUTE FUNCTION access_locations_begin();

-- What was in force never changes; it ends once.
-- +goose StatementBegin
CREATE FUNCTION access_policies_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'access_policies end once and never change';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_policies_fixed BEFORE UPDATE ON access_policies FOR EACH ROW
WHEN (OLD.until_generation IS NOT NULL OR NEW.until_generation IS NULL
  OR (NEW.name, NEW.revision, NEW.spec, NEW.created_at, NEW.revised_at, NEW.revised_by, NEW.since_generation)
    IS DISTINCT FROM (OLD.name, OLD.revision, OLD.spec, OLD.created_at, OLD.revised_at, OLD.revised_by, OLD.since_generation))
EXECUTE FUNCTION access_policies_fixed();
-- +goose StatementBegin
CREATE FUNCTION access_locations_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'access_locations end once and never change';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_locations_fixed BEFORE UPDATE ON access_locations FOR EACH ROW
WHEN (OLD.until_generation IS NOT NULL OR NEW.until_generation IS NULL
  OR (NEW.name, NEW.version, NEW.content, NEW.created_at, NEW.changed_at, NEW.changed_by, NEW.since_generation)
    IS DISTINCT FROM (OLD.name, OLD.version, OLD.content, OLD.created_at, OLD.changed_at, OLD.changed_by, OLD.since_generation))
EXECUTE FUNCTION access_locations_fixed();

-- What never changes, and is kept for ever.
-- +goose StatementBegin
CREATE FUNCTION access_changes_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'access_changes never change';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_changes_fixed BEFORE UPDATE ON access_changes FOR EACH ROW
EXECUTE FUNCTION access_changes_fixed();
-- +goose StatementBegin
CREATE FUNCTION access_moments_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'access_moments never change';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_moments_fixed BEFORE UPDATE ON access_moments FOR EACH ROW
EXECUTE FUNCTION access_moments_fixed();
-- +goose StatementBegin
CREATE FUNCTION access_changes_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'access_changes are kept';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_changes_kept BEFORE DELETE ON access_changes FOR EACH ROW
EXECUTE FUNCTION access_changes_kept();
-- +goose StatementBegin
CREATE FUNCTION access_policies_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'access_policies are kept';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_policies_kept BEFORE DELETE ON access_policies FOR EACH ROW
EXECUTE FUNCTION access_policies_kept();
-- +goose StatementBegin
CREATE FUNCTION access_locations_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'access_locations are kept';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_locations_kept BEFORE DELETE ON access_locations FOR EACH ROW
EXECUTE FUNCTION access_locations_kept();
-- +goose StatementBegin
CREATE FUNCTION access_samples_lost_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'access_samples_lost are kept';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER access_samples_lost_kept BEFORE DELETE ON access_samples_lost FOR EACH ROW
EXECUTE FUNCTION access_samples_lost_kept();
