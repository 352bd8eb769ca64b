#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME each (a minute unless told), one after
# the other, and fails at the first finding. Go keeps what fails as a seed
# under the package's testdata: fix the cause and commit the seed with it.
#
# PACKAGES limits it to some packages.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# `go test -list` prints the names of one package's targets, then its "ok" line.
targets() {
  # shellcheck disable=SC2086
  go test -list '^Fuzz' ${PACKAGES:-./...} | awk '
    /^Fuzz/ { names[++n] = $1 }
    $1 == "ok" { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }
    $1 == "FAIL" { failed = 1; print > "/dev/stderr" }
    END { exit failed }'
}

found=$(targets) || die "the tests do not build"
[ -n "$found" ] || die "no fuzz target found"
while read -r package target; do
  say "$package $target for ${FUZZTIME:-60s}"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-60s}" "$package" </dev/null
done <<<"$found"
