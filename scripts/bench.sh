#!/usr/bin/env bash
# Measures the product and the bare limit beside each other, in one run, and
# prints a table of value, limit and ratio. BENCH_JSON=file also writes the rows
# for a program to read; BENCHTIME and COUNT say how long and how often (the
# table shows medians). Machines are shared: trust the ratios.
#
# PostgreSQL keeps synchronous_commit and fsync on. MDM_TEST_POSTGRES_DSN names
# another one than the throw-away one that is started here.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/postgres.sh
. "$(dirname "$0")/postgres.sh"

trap pg_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -z "${MDM_TEST_POSTGRES_DSN:-}" ]; then
  if pg_require; then
    PG_DURABLE=1 pg_start
  else
    shout "no PostgreSQL $PG_OLDEST or newer found: checkin_changed_postgres is not measured"
  fi
fi

# Two files and a socket for each of 10,000 phones, and some more.
ulimit -n "$(ulimit -H -n)" 2>/dev/null || true

out=.build/bench.txt
mkdir -p .build
: >"$out"
say "each figure $((${COUNT:-3})) times; the fleet of 10,000 phones takes a minute to connect"
run() { go test -run '^$' -timeout=60m "$@" | tee -a "$out" | grep --line-buffered '^Benchmark' || true; }

# Product and limit of one pair run right after each other, and the pairs
# COUNT times over, so that what else the machine does meets both alike.
for _ in $(seq "${COUNT:-3}"); do
  run -bench 'Checkin|Join|AppRegister|LeaseSign|ForwardAuth|ExtAuthz|AccessDecide' -benchtime "${BENCHTIME:-3s}" ./cmd/mdm-server
done
run -bench 'Watch' -benchtime 1x -count 1 ./cmd/mdm-server
run -bench 'BellFanout' -benchtime 10x -count 1 ./cmd/mdm-server
run -bench 'OrderActed' -benchtime 1000x -count 1 ./cmd/mdm-server
# 20 seconds of 100 changes each.
run -bench 'Truth' -benchtime 2000x -count 1 ./cmd/mdm-server
run -bench 'Orders10k' -benchtime 1x -count "${COUNT:-3}" ./cmd/mdm-server
run -bench 'Container(Write|Read)' -count "${COUNT:-3}" ./agent/appsdk/container
run -bench 'ManifestCompile' -benchtime "${BENCHTIME:-3s}" -count "${COUNT:-3}" ./internal/compliance

json=()
[ -z "${BENCH_JSON:-}" ] || json=(-json "$BENCH_JSON")
go run ./internal/benchtable ${json[@]+"${json[@]}"} <"$out"
