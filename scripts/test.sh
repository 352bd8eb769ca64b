#!/usr/bin/env bash
# Runs every test, on SQLite and on PostgreSQL, with the race detector and in
# random order. Arguments are passed to `go test` after the flags and before
# the packages, so PACKAGES names others than all.
#
# MDM_TEST_POSTGRES_DSN names a PostgreSQL to use (its user may make
# databases); without it a throw-away one is started.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/postgres.sh
. "$(dirname "$0")/postgres.sh"
# shellcheck source=scripts/proxies.sh
. "$(dirname "$0")/proxies.sh"

trap pg_stop EXIT
# A signal ends the script, and with it the cluster, once `go test` is gone.
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -n "${MDM_TEST_POSTGRES_DSN:-}" ]; then
  say "PostgreSQL: the one that MDM_TEST_POSTGRES_DSN names"
elif pg_require; then
  pg_start || die "PostgreSQL in $PG_BIN does not start: its own words are above"
  say "PostgreSQL $(pg_major "$PG_BIN"), a throw-away cluster in $PG_DIR"
else
  missing="no PostgreSQL $PG_OLDEST or newer found: every test on PostgreSQL"
  ! in_ci || die "$missing would not run, which CI=true forbids"
  shout "$missing is SKIPPED, only SQLite is tested. Install it, or set MDM_TEST_POSTGRES_DSN."
fi

if ! proxies_require; then
  missing="not found: $(proxies_missing). What runs the real proxies"
  ! in_ci || die "$missing would not run, which CI=true forbids"
  shout "$missing is SKIPPED. Install them."
fi

race=-race
if ! command -v "$(go env CC | cut -d' ' -f1)" >/dev/null 2>&1; then
  ! in_ci || die "no C compiler found: the race detector needs one, and CI=true forbids leaving it out"
  shout "no C compiler found: tests run WITHOUT the race detector. Install gcc or clang."
  race=''
fi

[ -z "$race" ] || export CGO_ENABLED=1
# Packages is a list on purpose.
# shellcheck disable=SC2086
go test $race -shuffle=on -timeout=40m "$@" ${PACKAGES:-./...}
