# `make` alone lists the targets. Needed: Go 1.26, git, make; a C compiler for
# the race detector. Everything else is built or found by the scripts.

BINARIES := mdm-server mdmctl mdm-agent
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
OUT      ?= bin
FUZZTIME ?= 60s

.DEFAULT_GOAL := help
.PHONY: help build demo test test-fast chaos bench fuzz check generate format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the three programs into bin/, static and stripped
	@mkdir -p $(OUT)
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(OUT)/ $(BINARIES:%=./cmd/%)

demo: build ## three stories: an enrolled phone, one that nobody enrols, a door
	go run ./internal/demo

test: ## every test, on SQLite and PostgreSQL, with -race (TESTFLAGS, PACKAGES)
	scripts/test.sh $(TESTFLAGS)

test-fast: ## the tests on SQLite alone, without -race
	env -u MDM_TEST_POSTGRES_DSN -u CI go test $(TESTFLAGS) ./...

chaos: ## torment phones, servers and administrators (DURATION=2m PHONES=200 SEED=n)
	DURATION=$(DURATION) PHONES=$(PHONES) SEED=$(SEED) scripts/chaos.sh

bench: ## product and bare limit side by side (BENCH_JSON=file for rows)
	scripts/bench.sh

fuzz: ## every fuzz target for FUZZTIME each (60s)
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

check: ## format, vet, lint, structure, wire rules, generated files fresh
	scripts/check.sh

generate: ## make what is made from the .proto files again: Go code, docs pages
	scripts/generate.sh
	scripts/docs.sh

format: ## gofmt and buf format, in place
	scripts/format.sh

clean: ## remove what was built
	rm -rf bin .build
