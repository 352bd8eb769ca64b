# shellcheck shell=bash
# Builds the tools that the repository pins, each once. Source it.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TOOLS=$BUILD/bin
# buf keeps nothing in the user's home and asks no registry.
export BUF_CACHE_DIR=$BUILD/buf

# tool NAME MODULE PACKAGE builds PACKAGE as the module in folder MODULE pins
# it. A stamp holds what it was built from, so that an unchanged one is ready
# at once: buf and golangci-lint take minutes to build.
tool() {
  local name=$1 module=$2 package=$3 stamp want
  stamp=$TOOLS/$name.stamp
  want=$({ go version && cat "$module/go.mod" "$module/go.sum"; } | git hash-object --stdin)
  if [ -x "$TOOLS/$name" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
    return
  fi
  say "building $name (once: minutes on a small machine)"
  mkdir -p "$TOOLS"
  rm -f "$stamp"
  (cd "$module" && GOFLAGS='' go build -trimpath -buildvcs=false -o "$TOOLS/$name" "$package")
  printf '%s\n' "$want" >"$stamp"
}

buf_ready() {
  tool buf tools github.com/bufbuild/buf/cmd/buf
  tool protoc-gen-go tools google.golang.org/protobuf/cmd/protoc-gen-go
  tool protoc-gen-go-grpc tools google.golang.org/grpc/cmd/protoc-gen-go-grpc
  protovalidate_ready
}

lint_ready() {
  tool golangci-lint tools/lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
}

# protovalidate_ready copies protovalidate's own .proto files out of its Go
# module, at the version that tools/go.mod pins, to where buf.yaml looks.
protovalidate_ready() {
  local module=github.com/bufbuild/protovalidate to=$BUILD/protovalidate from version
  version=$(cd tools && go list -m -f '{{.Version}}' "$module")
  if [ "$(cat "$to.stamp" 2>/dev/null)" = "$version" ] && [ -d "$to" ]; then
    return
  fi
  (cd tools && go mod download "$module")
  from=$(cd tools && go list -m -f '{{.Dir}}' "$module")/proto/protovalidate
  [ -d "$from" ] || die "$module $version has no folder proto/protovalidate: look where its .proto files went"
  rm -rf "$to" "$to.stamp"
  mkdir -p "$BUILD"
  cp -R "$from" "$to"
  # The module cache is read-only; the copy must be removable.
  chmod -R u+w "$to"
  printf '%s\n' "$version" >"$to.stamp"
}

# generate_into DIR generates every Go file of the wire into DIR/proto.
generate_into() {
  buf_ready
  PATH=$TOOLS:$PATH "$TOOLS/buf" generate --output "$1"
}
