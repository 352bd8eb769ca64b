#!/usr/bin/env bash
# Makes the Go code of the wire again, from a clean checkout and the Go module
# proxy alone, and removes what no .proto file makes any more.
#
#   scripts/generate.sh          write it
#   scripts/generate.sh --check  say what is stale, change nothing

# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"

fresh=$(mktemp -d "${TMPDIR:-/tmp}/generate.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
generate_into "$fresh"

list() { (cd "$1" && find proto -name '*.pb.go' -type f | LC_ALL=C sort); }

stale=()
while IFS= read -r file; do
  cmp -s "$fresh/$file" "$file" || stale+=("$file")
done < <({ list "$fresh"; list .; } | LC_ALL=C sort -u)

if [ ${#stale[@]} -eq 0 ]; then
  say "generated code is fresh"
  exit 0
fi
if [ "${1:-}" = --check ]; then
  printf '  %s\n' "${stale[@]}" >&2
  die "generated code is stale: run 'make generate' and commit what it changes"
fi
for file in "${stale[@]}"; do
  if [ -f "$fresh/$file" ]; then
    cp "$fresh/$file" "$file"
    say "wrote $file"
  else
    rm "$file"
    say "removed $file: no .proto file makes it"
  fi
done
