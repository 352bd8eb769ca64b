#!/usr/bin/env bash
# Everything that is checked without running the product. It changes nothing
# but .build, runs every check even after one has failed, and names the failed.

# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"

failed=()
check() {
  local name=$1 began=$SECONDS
  shift
  if "$@"; then
    say "$name: ok ($((SECONDS - began)) s)"
  else
    failed+=("$name")
    say "$name: FAILED"
  fi
}

format() {
  local files
  files=$(find . \( -path ./.build -o -path ./.git -o -path ./bin \) -prune -o -name '*.go' -print0 |
    xargs -0 gofmt -l)
  [ -z "$files" ] && return
  printf '%s\n' "$files" "not as gofmt writes it: run 'make format'" >&2
  return 1
}

# Tidying reads more modules than building does: one that cannot be had is
# told of, and fails nothing.
tidy() {
  local out
  out=$(go mod tidy -diff 2>&1) && return
  case $out in
  *'diff current/'*)
    printf '%s\n' "$out" "go.mod is not tidy: run 'go mod tidy'" >&2
    return 1
    ;;
  esac
  shout "go mod tidy -diff SKIPPED, it could not read every module: $out"
}

# Where shellcheck is installed, it finds more than a parse does.
shell_scripts() {
  local file
  for file in scripts/*.sh .ci/run; do
    bash -n "$file" || return 1
  done
  ! command -v shellcheck >/dev/null 2>&1 || shellcheck -x scripts/*.sh .ci/run
}

# The rules of direction, sizes, comments and migrations are tests: they run
# here too, so that `make check` alone tells of them.
structure() { go test ./internal; }
wire_format() { "$TOOLS/buf" format --diff --exit-code proto; }
wire_lint() { "$TOOLS/buf" lint proto; }
lint() { "$TOOLS/golangci-lint" run ./...; }

buf_ready
lint_ready

check "gofmt" format
check "shell scripts" shell_scripts
check "modules are what go.sum says" go mod verify
check "go.mod is tidy" tidy
check "go vet" go vet ./...
check "structure" structure
check "buf format" wire_format
check "buf lint" wire_lint
check "generated code" scripts/generate.sh --check
check "generated pages" scripts/docs.sh --check
check "buf breaking" scripts/breaking.sh
check "golangci-lint" lint

if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
say "all checks passed"
