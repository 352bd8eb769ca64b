# shellcheck shell=bash
# A throw-away PostgreSQL for tests. Source it, then:
#
#   pg_require || ...   find server programs (15 or newer), on Debian install them
#   pg_start            start a cluster; sets and exports MDM_TEST_POSTGRES_DSN
#   pg_stop             stop and delete it; harmless when there is none
#
# Call pg_stop from a trap on EXIT. PG_DURABLE=1 keeps fsync and
# synchronous_commit on, for measuring; tests give them up for speed.

PG_OLDEST=15
PG_BIN='' # folder of initdb, postgres and pg_ctl
PG_DIR='' # the cluster's folder, while there is one

# pg_major DIR prints the major version of the server programs in DIR, or
# nothing if one of them is missing.
pg_major() {
  [ -x "$1/initdb" ] && [ -x "$1/postgres" ] && [ -x "$1/pg_ctl" ] || return 0
  "$1/postgres" --version 2>/dev/null | sed -n 's/^postgres (PostgreSQL) \([0-9]*\).*/\1/p'
}

# pg_find sets PG_BIN to the newest server programs on this machine: on PATH,
# or where Debian, PostgreSQL's own packages, Fedora and Homebrew put them.
pg_find() {
  local dir major best=0 on_path=''
  PG_BIN=''
  if command -v initdb >/dev/null 2>&1; then
    on_path=$(dirname "$(command -v initdb)")
  fi
  for dir in "$on_path" \
    /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/bin /usr/local/pgsql/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    [ -n "$dir" ] || continue
    major=$(pg_major "$dir")
    if [ -n "$major" ] && [ "$major" -ge "$PG_OLDEST" ] && [ "$major" -gt "$best" ]; then
      best=$major PG_BIN=$dir
    fi
  done
  [ -n "$PG_BIN" ]
}

# pg_install installs Debian's package where that can be done without asking
# for a password. MDM_TEST_NO_INSTALL=1 forbids it.
pg_install() {
  local as=()
  [ -z "${MDM_TEST_NO_INSTALL:-}" ] && command -v apt-get >/dev/null 2>&1 || return 1
  if ! is_root; then
    command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null || return 1
    as=(sudo -n)
  fi
  shout "no PostgreSQL $PG_OLDEST or newer here: installing Debian's package 'postgresql' for the tests"
  as=(${as[@]+"${as[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
  "${as[@]}" install --no-install-recommends postgresql >&2 ||
    { "${as[@]}" update >&2 && "${as[@]}" install --no-install-recommends postgresql >&2; }
}

pg_require() { pg_find || { pg_install && pg_find; }; }

# pg_user prints whom the server runs as. It refuses root, so root lends it to
# a user with fewer rights.
pg_user() {
  local user
  is_root || { id -un && return; }
  for user in postgres nobody; do
    id "$user" >/dev/null 2>&1 && printf '%s\n' "$user" && return
  done
  die "PostgreSQL refuses to run as root, and there is neither a user 'postgres' nor 'nobody'"
}

# pg_run PROGRAM ARGS... runs one of the server programs as pg_user.
pg_run() {
  local program=$PG_BIN/$1 user
  shift
  user=$(pg_user)
  # From a folder that this user may enter: the caller's may be root's alone.
  if ! is_root; then
    (cd "$PG_DIR" && "$program" "$@")
  elif command -v runuser >/dev/null 2>&1; then
    (cd "$PG_DIR" && runuser -u "$user" -- "$program" "$@")
  else
    # shellcheck disable=SC2016 # the inner shell expands it
    (cd "$PG_DIR" && su -s /bin/sh "$user" -c '"$0" "$@"' -- "$program" "$@")
  fi
}

# pg_start starts a cluster that only its user (and root) can reach: a Unix
# socket in a folder with mode 0700, no network port.
pg_start() {
  # Under /tmp and not TMPDIR: a socket's path may have about 100 characters.
  PG_DIR=$(mktemp -d /tmp/mdm-pg.XXXXXX)
  chmod 0700 "$PG_DIR"
  ! is_root || chown "$(pg_user)" "$PG_DIR"
  pg_run initdb --pgdata="$PG_DIR/data" --username=postgres --auth=trust \
    --encoding=UTF8 --locale=C --no-sync >"$PG_DIR/initdb.log" 2>&1 ||
    { cat "$PG_DIR/initdb.log" >&2 && return 1; }
  pg_settings >>"$PG_DIR/data/postgresql.conf"
  pg_run pg_ctl --pgdata="$PG_DIR/data" --log="$PG_DIR/data/server.log" --wait --timeout=60 \
    start >/dev/null || { cat "$PG_DIR/data/server.log" >&2 && return 1; }
  export MDM_TEST_POSTGRES_DSN="postgres://postgres@/postgres?host=$PG_DIR"
}

pg_settings() {
  cat <<CONF
listen_addresses = ''
unix_socket_directories = '$PG_DIR'
max_connections = 300
shared_buffers = 128MB
# Containers often have a small /dev/shm, which parallel queries would need.
max_parallel_workers_per_gather = 0
CONF
  [ -n "${PG_DURABLE:-}" ] || cat <<CONF
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
CONF
}

pg_stop() {
  [ -n "$PG_DIR" ] || return 0
  if [ -f "$PG_DIR/data/postmaster.pid" ]; then
    pg_run pg_ctl --pgdata="$PG_DIR/data" --mode=immediate --wait stop >/dev/null 2>&1 ||
      shout "PostgreSQL in $PG_DIR did not stop"
  fi
  rm -rf "$PG_DIR"
  PG_DIR=''
}
