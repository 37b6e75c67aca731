# shellcheck shell=bash
# What scripts/quickstart, scripts/test and .ci/run share. Source it from the project's root.

# Exit code of a missing component, as the program's own (src/filigree/base/error.h).
readonly EXIT_MISSING=4

say() { printf '%s\n' "$*" >&2; }
# A heading that stands out in a long log.
heading() { printf '\n== %s\n' "$*" >&2; }
die() { say "${0##*/}: $1"; exit "${2:-1}"; }

# packages_of GROUP...: "name reason" of each package that belongs to any of the groups.
packages_of() {
  awk -v wanted=" $* " '
    /^[[:space:]]*(#|$)/ { next }
    { count = split($2, groups, ",")
      for (i = 1; i <= count; ++i) if (index(wanted, " " groups[i] " ")) { $2 = ""; sub(/  +/, " "); print; next } }
  ' scripts/packages.txt
}

# For this machine's architecture: others of a multi-architecture system do not count.
is_installed() {
  dpkg-query -W -f='${Architecture} ${db:Status-Status}\n' "$1" 2>/dev/null |
    grep -qE "^($(dpkg --print-architecture)|all) installed\$"
}

# install_packages GROUP...: installs what is missing and says what and why. Touches neither sudo nor
# the network when nothing is missing. FILIGREE_INSTALL=no leaves all of it to you.
install_packages() {
  [[ ${FILIGREE_INSTALL:-yes} == no ]] && return
  local name reason missing=() table=""
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "This system has no apt. Filigree needs what Debian calls:"
    packages_of "$@" | while read -r name reason; do printf '  %-24s %s\n' "$name" "$reason" >&2; done
    die "install them, then run this again with FILIGREE_INSTALL=no" "$EXIT_MISSING"
  fi
  while read -r name reason; do
    is_installed "$name" && continue
    missing+=("$name")
    table+=$(printf '  %-24s %s' "$name" "$reason")$'\n'
  done < <(packages_of "$@")
  ((${#missing[@]})) || return 0

  say "Debian packages to install (${#missing[@]}):"
  printf '%s' "$table" >&2
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "you are not root and there is no sudo; as root: apt-get install --no-install-recommends ${missing[*]}" "$EXIT_MISSING"
    as_root=(sudo)
    say "(with sudo, which may ask for your password)"
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  # dpkg writes a line or more for each package: kept, and shown only if something fails.
  local log
  log=$(mktemp)
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "apt-get failed (is this machine offline?); install by hand: apt-get install --no-install-recommends ${missing[*]}" "$EXIT_MISSING"
  fi
  rm -f "$log"
  for name in "${missing[@]}"; do
    is_installed "$name" || die "apt-get did not install $name" "$EXIT_MISSING"
  done
}

# configure PRESET [CMAKE_ARGUMENT...]: FILIGREE_CMAKE_ARGS comes last, so that it wins.
configure() {
  local preset=$1 extra=()
  shift
  read -r -a extra <<<"${FILIGREE_CMAKE_ARGS:-}"
  cmake --preset "$preset" "$@" "${extra[@]}"
}

# quietly LOG COMMAND...: keeps the command's output in LOG and shows its end only if it fails.
quietly() {
  local log=$1 status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  ((status == 0)) || { tail -n 40 "$log" >&2; say "(all of it: $log)"; }
  return "$status"
}
