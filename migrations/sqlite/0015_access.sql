-- +goose Up

-- Every change of policies or locations there ever was, by its number: the
-- generation that it made. What holds from one generation to another is said by
-- these numbers, so that all that was in force at any of them can be had.
CREATE TABLE access_changes (
    generation INTEGER NOT NULL PRIMARY KEY CHECK (generation > 0),
    changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX access_changes_time ON access_changes (changed_at, generation);

-- Every revision of a policy: JSON. It is in force from one generation until
-- another, which deletes it or revises it; NULL is for as long as nothing does.
CREATE TABLE access_policies (
    name             TEXT NOT NULL CHECK (name <> ''),
    revision         INTEGER NOT NULL CHECK (revision > 0),
    spec             TEXT NOT NULL CHECK (length(spec) BETWEEN 2 AND 4194304),
    created_at       INTEGER NOT NULL,
    revised_at       INTEGER NOT NULL,
    revised_by       TEXT NOT NULL CHECK (revised_by <> ''),
    since_generation INTEGER NOT NULL REFERENCES access_changes (generation),
    until_generation INTEGER REFERENCES access_changes (generation),
    PRIMARY KEY (name, revision),
    CHECK (until_generation > since_generation)
) STRICT;

CREATE UNIQUE INDEX access_policies_live ON access_policies (name) WHERE until_generation IS NULL;

-- Every version of a location: JSON.
CREATE TABLE access_locations (
    name             TEXT NOT NULL CHECK (name <> ''),
    version          INTEGER NOT NULL CHECK (version > 0),
    content          TEXT NOT NULL CHECK (length(content) BETWEEN 2 AND 1048576),
    created_at       INTEGER NOT NULL,
    changed_at       INTEGER NOT NULL,
    changed_by       TEXT NOT NULL CHECK (changed_by <> ''),
    since_generation INTEGER NOT NULL REFERENCES access_changes (generation),
    until_generation INTEGER REFERENCES access_changes (generation),
    PRIMARY KEY (name, version),
    CHECK (until_generation > since_generation)
) STRICT;

CREATE UNIQUE INDEX access_locations_live ON access_locations (name) WHERE until_generation IS NULL;

-- Decisions of one kind: the sign-in with the network it came from, never its
-- address, and the facts of the last time. The digest is of the kind.
CREATE TABLE access_samples (
    digest   BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    content  TEXT NOT NULL CHECK (length(content) BETWEEN 2 AND 262144),
    decided  INTEGER NOT NULL CHECK (decided > 0),
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL CHECK (last_at >= first_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX access_samples_last ON access_samples (last_at);

-- Counts the decisions there was no room for. One row.
CREATE TABLE access_samples_lost (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    lost INTEGER NOT NULL CHECK (lost >= 0)
) STRICT;
INSERT INTO access_samples_lost (id, lost) VALUES (1, 0);

-- What was known of a phone or of a registration from a time on: JSON; NULL where
-- it was gone.
CREATE TABLE access_moments (
    subject  TEXT NOT NULL CHECK (length(subject) BETWEEN 8 AND 64),
    known_at INTEGER NOT NULL,
    content  TEXT CHECK (length(content) BETWEEN 2 AND 262144),
    PRIMARY KEY (subject, known_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX access_moments_time ON access_moments (known_at);

-- The generations count up without a gap.
-- +goose StatementBegin
CREATE TRIGGER access_changes_begin BEFORE INSERT ON access_changes
WHEN NEW.generation > 1 AND NOT EXISTS (SELECT 1 FROM access_changes WHERE generation = NEW.generation - 1)
BEGIN
    SELECT RAISE(ABORT, 'generations count up');
END;
-- +goose StatementEnd

-- A name keeps its numbers: they go up one by one.
-- +goose StatementBegin
CREATE TRIGGER access_policies_begin BEFORE INSERT ON access_policies
WHEN NEW.until_generation IS NOT NULL
  OR NEW.revision <> (SELECT COALESCE(MAX(revision), 0) + 1 FROM access_policies WHERE name = NEW.name)
BEGIN
    SELECT RAISE(ABORT, 'the revisions of a policy count up');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_locations_begin BEFORE INSERT ON access_locations
WHEN NEW.until_generation IS NOT NULL
  OR NEW.version <> (SELECT COALESCE(MAX(version), 0) + 1 FROM access_locations WHERE name = NEW.name)
BEGIN
    SELECT RAISE(ABORT, 'the versions of a location count up');
END;
-- +goose StatementEnd

-- What was in force never changes; it ends once.
-- +goose StatementBegin
CREATE TRIGGER access_policies_fixed BEFORE UPDATE ON access_policies
WHEN OLD.until_generation IS NOT NULL OR NEW.until_generation IS NULL
  OR (NEW.name, NEW.revision, NEW.spec, NEW.created_at, NEW.revised_at, NEW.revised_by, NEW.since_generation)
    IS NOT (OLD.name, OLD.revision, OLD.spec, OLD.created_at, OLD.revised_at, OLD.revised_by, OLD.since_generation)
BEGIN
    SELECT RAISE(ABORT, 'access_policies end once and never change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_locations_fixed BEFORE UPDATE ON access_locations
WHEN OLD.until_generation IS NOT NULL OR NEW.until_generation IS NULL
  OR (NEW.name, NEW.version, NEW.content, NEW.created_at, NEW.changed_at, NEW.changed_by, NEW.since_generation)
    IS NOT (OLD.name, OLD.version, OLD.content, OLD.created_at, OLD.changed_at, OLD.changed_by, OLD.since_generation)
BEGIN
    SELECT RAISE(ABORT, 'access_locations end once and never change');
END;
-- +goose StatementEnd

-- What never changes, and is kept for ever.
-- +goose StatementBegin
CREATE TRIGGER access_changes_fixed BEFORE UPDATE ON access_changes
BEGIN
    SELECT RAISE(ABORT, 'access_changes never change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_moments_fixed BEFORE UPDATE ON access_moments
BEGIN
    SELECT RAISE(ABORT, 'access_moments never change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_changes_kept BEFORE DELETE ON access_changes
BEGIN
    SELECT RAISE(ABORT, 'access_changes are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_policies_kept BEFORE DELETE ON access_policies
BEGIN
    SELECT RAISE(ABORT, 'access_policies are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_locations_kept BEFORE DELETE ON access_locations
BEGIN
    SELECT RAISE(ABORT, 'access_locations are kept');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_samples_lost_kept BEFORE DELETE ON access_samples_lost
BEGIN
    SELECT RAISE(ABORT, 'access_samples_lost are kept');
END;
-- +goose StatementEnd
