#!/usr/bin/env bash
# Makes the pages under docs that are generated from the wire, and the tables in
# docs/wipe.md and docs/app-protection.md, from the code that decides.
#
#   scripts/docs.sh          write them
#   scripts/docs.sh --check  say what is stale, change nothing

# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"

buf_ready
fresh=$(mktemp -d "${TMPDIR:-/tmp}/docs.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
mkdir "$fresh/pages"
"$TOOLS/buf" build proto --output "$fresh/wire.binpb"
go run ./internal/apidoc "$fresh/wire.binpb" docs "$fresh/pages"

stale=()
for page in "$fresh"/pages/*; do
  cmp -s "$page" "docs/${page##*/}" || stale+=("docs/${page##*/}")
done
if [ ${#stale[@]} -eq 0 ]; then
  say "generated pages are fresh"
  exit 0
fi
if [ "${1:-}" = --check ]; then
  printf '  %s\n' "${stale[@]}" >&2
  die "generated pages are stale: run 'make generate' and commit what it changes"
fi
for page in "${stale[@]}"; do
  # Into the file, whose permissions stay.
  cat "$fresh/pages/${page##*/}" >"$page"
  say "wrote $page"
done
