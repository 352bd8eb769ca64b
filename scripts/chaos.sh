#!/usr/bin/env bash
# Lets things go wrong for DURATION (2m) with PHONES phones (200), on one server
# with SQLite and on two with one PostgreSQL, and prints what was done and each
# invariant that was checked. SEED repeats a run, as far as the machine's own
# timing lets it.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/postgres.sh
. "$(dirname "$0")/postgres.sh"

trap pg_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -z "${MDM_TEST_POSTGRES_DSN:-}" ]; then
  if pg_require; then
    pg_start || die "PostgreSQL in $PG_BIN does not start: its own words are above"
  else
    ! in_ci || die "no PostgreSQL $PG_OLDEST or newer found, which CI=true forbids"
    shout "no PostgreSQL $PG_OLDEST or newer found: only one server with SQLite is tormented"
  fi
fi

export CHAOS_DURATION="${DURATION:-2m}" CHAOS_PHONES="${PHONES:-200}" CHAOS_SEED="${SEED:-}"
go test -v -run '^TestChaos$' -count=1 -timeout=60m ./internal/chaos
