#!/usr/bin/env bash
# Compares the wire with the main branch's last commit: a client that works
# with that must work with this. Where HEAD is that commit and nothing under
# proto has changed since, compares with the commit before it.
#
# BREAKING_AGAINST=<commit> compares with another.

# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"

skip() {
  shout "buf breaking SKIPPED: $*"
  exit 0
}

# commit REV prints REV's hash, or nothing.
commit() { git rev-parse --quiet --verify "$1^{commit}" 2>/dev/null || true; }

base=${BREAKING_AGAINST:-}
if [ -n "$base" ]; then
  against=$(commit "$base")
  [ -n "$against" ] || die "BREAKING_AGAINST: no commit $base here"
else
  against=$(commit refs/heads/main)
  [ -n "$against" ] || against=$(commit refs/remotes/origin/main)
  [ -n "$against" ] || skip "there is no main branch to compare with"
  if [ "$against" = "$(commit HEAD)" ] && [ -z "$(git status --porcelain -- proto)" ]; then
    against=$(commit HEAD^)
    [ -n "$against" ] || skip "this is main's only commit here (a shallow clone has no other)"
  fi
fi
# grep -q would stop reading early, which pipefail takes for a failure.
# shellcheck disable=SC2143
[ -n "$(git ls-tree -r --name-only "$against" -- proto | grep '\.proto$')" ] ||
  skip "$against has no .proto file"

buf_ready
old=$(mktemp -d "${TMPDIR:-/tmp}/breaking.XXXXXX")
trap 'rm -rf "$old"' EXIT
git archive "$against" -- proto | tar -x -C "$old"
# The old wire is read with today's rules and today's protovalidate.
cp buf.yaml "$old/"
mkdir "$old/.build"
cp -R "$BUILD/protovalidate" "$old/.build/"
"$TOOLS/buf" breaking proto --against "$old/proto" ||
  die "the wire breaks clients of $(git rev-parse --short "$against"): add fields instead; reserve the number and name of a removed one"
say "the wire keeps what $(git rev-parse --short "$against") promised"
