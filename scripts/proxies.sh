# shellcheck shell=bash
# The reverse proxies that tests run for real. Source it, then:
#
#   proxies_require || ...   find nginx and Caddy, on Debian install them
#   proxies_missing          print those that are not here
#
# Tests find them on PATH, start them from files of their own on ports of their
# own, and stop them. Nothing that runs on this machine already is touched.

PROXIES='nginx caddy'

# proxies_path adds the folders where servers lie, which not every user's PATH
# has.
proxies_path() {
  local dir
  for dir in /usr/sbin /usr/local/sbin /opt/homebrew/bin /usr/local/bin; do
    case ":$PATH:" in
      *":$dir:"*) ;;
      *) [ ! -d "$dir" ] || PATH=$PATH:$dir ;;
    esac
  done
  export PATH
}

proxies_missing() {
  local program absent=()
  for program in $PROXIES; do
    command -v "$program" >/dev/null 2>&1 || absent+=("$program")
  done
  printf '%s\n' "${absent[*]-}"
}

# proxies_find holds when all are here.
proxies_find() {
  proxies_path
  [ -z "$(proxies_missing)" ]
}

# proxies_package prints the name of the Debian package that has a program.
proxies_package() {
  case $1 in
    # It has all that is needed, and nothing else.
    nginx) apt-cache show nginx-light >/dev/null 2>&1 && printf 'nginx-light\n' || printf 'nginx\n' ;;
    *) printf '%s\n' "$1" ;;
  esac
}

# proxies_install installs Debian's packages where that can be done without asking
# for a password, and starts no service: Debian asks policy-rc.d before it starts
# one, and 101 is no. MDM_TEST_NO_INSTALL=1 forbids it. It is a shell of its own,
# so that policy-rc.d is gone however it ends.
proxies_install() (
  as=(env DEBIAN_FRONTEND=noninteractive) packages=() policy=/usr/sbin/policy-rc.d
  [ -z "${MDM_TEST_NO_INSTALL:-}" ] && command -v apt-get >/dev/null 2>&1 || return 1
  if ! is_root; then
    command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null || return 1
    as=(sudo -n "${as[@]}")
  fi
  root=("${as[@]}")
  for program in $(proxies_missing); do
    packages+=("$(proxies_package "$program")")
  done
  shout "not here: $(proxies_missing). Installing Debian's packages '${packages[*]}' for the tests; no service is started"
  # One that is there already says what may start.
  if [ ! -e "$policy" ]; then
    trap '"${root[@]}" rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # shellcheck disable=SC2016 # the inner shell expands it
    "${as[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >"$0" && chmod 0755 "$0"' "$policy" || return 1
  fi
  as+=(apt-get -q -y)
  "${as[@]}" install --no-install-recommends "${packages[@]}" >&2 ||
    { "${as[@]}" update >&2 && "${as[@]}" install --no-install-recommends "${packages[@]}" >&2; }
)

proxies_require() { proxies_find || { proxies_install && proxies_find; }; }
