#!/usr/bin/env bash
# Writes Go and .proto files the one way that `make check` takes.

# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"

buf_ready
find . \( -path ./.build -o -path ./.git -o -path ./bin \) -prune -o -name '*.go' -print0 |
  xargs -0 gofmt -l -w
"$TOOLS/buf" format --write proto
