# shellcheck shell=bash
# What the other scripts share. Source it; it is not run by itself.
# Written for bash 3.2, which macOS has.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # used by those who source this
BUILD=$ROOT/.build
cd "$ROOT"

# say tells what is going on; shout tells what must not be overlooked.
say() { printf '%s\n' "== $*" >&2; }
shout() { printf '\n%s\n\n' "!!!! $*" >&2; }
die() {
  printf '%s\n' "error: $*" >&2
  exit 1
}

# in_ci holds where a missing part must fail the run and not only be told of.
in_ci() { [ "${CI:-}" = true ]; }

# is_root holds for the superuser, as whom PostgreSQL refuses to run.
is_root() { [ "$(id -u)" = 0 ]; }
