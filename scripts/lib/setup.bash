# Sourced by the scripts beside it. Gives them:
#   ROOT, VENV             the repository, its virtual environment; the working directory is ROOT
#   CALLED_FROM            the working directory before
#   prepare [development]  install Hune and its locked requirements, unless that is done already
#   step, die              one line of progress; one line of refusal
#   again                  run what fetches, again if an index or a mirror is away for a moment
#   alone_in FOLDER        wait until no other set-up works there; let_others ends it

set -euo pipefail

CALLED_FROM=$PWD
ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
VENV=$ROOT/.venv
LOG=$VENV/setup.log
cd -- "$ROOT"

# Refuse with one line: what is wrong, and what mends it.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Print the command that installs Debian packages, for messages: for root, with sudo where there is one, else with su.
install_command() {
  local command="apt-get update && apt-get install --no-install-recommends $*"
  if ((EUID == 0)); then
    printf '%s' "$command"
  elif command -v sudo >/dev/null; then
    printf "sudo sh -c '%s'" "$command"
  else
    printf "su -c '%s'" "$command"
  fi
}

# step LABEL COMMAND…: run a command and tell how long it took; its output goes to the log, whose end is shown if it fails.
step() {
  local label=$1 started=${EPOCHREALTIME//[.,]/} status=0 tenths
  shift
  if [[ -z ${LOG_BEGUN:-} ]]; then
    LOG_BEGUN=yes
    mkdir -p -- "$VENV"
    printf '%s, %s\n' "$0" "$(date)" >"$LOG"
  fi
  printf '  %-45s' "$label" >&2
  printf '\n== %s\n' "$label" >>"$LOG"
  "$@" >>"$LOG" 2>&1 </dev/null || status=$?
  if ((status)); then
    printf 'failed\n\n' >&2
    tail -n 20 "$LOG" | sed 's/^/    /' >&2
    die "$label: failed; the whole log is $LOG; if the network was to blame, run it again: what was fetched is kept"
  fi
  tenths=$(((${EPOCHREALTIME//[.,]/} - started) / 100000))
  printf ' %3d.%d s\n' $((tenths / 10)) $((tenths % 10)) >&2
}

# again COMMAND…: run a command; one that fails is run again, twice at most. For steps: it tells in the log.
again() {
  local pause
  for pause in 3 12; do
    "$@" && return
    printf '== failed; once more in %d s\n' "$pause"
    sleep "$pause"
  done
  "$@"
}

# Print the first Python that is new enough and complete; if $PYTHON names one, only that is looked at.
find_python() {
  local name found='' names=(python3 /usr/bin/python3 python3.13 python3.12 python3.11)
  [[ -z ${PYTHON:-} ]] || names=("$PYTHON")
  for name in "${names[@]}"; do
    command -v "$name" >/dev/null || continue
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      if "$name" -c 'import sqlite3, ssl, venv' 2>/dev/null; then
        command -v "$name"
        return
      fi
      found=incomplete
    elif [[ -z $found ]]; then
      found=old
    fi
  done
  case $found in
    incomplete) die "Python's standard library is not complete; install it: $(install_command python3)" ;;
    old) die 'Python is older than 3.11; install a newer one and name it: PYTHON=/path/to/python3 '"$0" ;;
    *) die "${PYTHON:-python3}: not found; install it: $(install_command python3)" ;;
  esac
}

# Print the path of a pip that runs without being installed: Python's own, Debian's, or else Debian's fetched without root.
find_pip() {
  local bundled fetched=$VENV/debian-pip found
  bundled=$("$VENV/bin/python" -c 'import ensurepip; print(ensurepip.__path__[0])' 2>/dev/null || true)
  found=$(compgen -G "${bundled:-/nowhere}/_bundled/pip-*.whl" || compgen -G '/usr/share/python-wheels/pip-*.whl' || true)
  if [[ -z $found ]]; then
    "$VENV/bin/python" scripts/lib/unpack_debian.py "$fetched" python3-pip-whl || {
      echo "pip is missing; install it: $(install_command python3-venv)" >&2
      return 1
    }
    found=$(compgen -G "$fetched/usr/share/python-wheels/pip-*.whl")
  fi
  printf '%s/pip\n' "${found%%$'\n'*}"
}

# Where the environment lies and which Python it is of: neither may change under it.
identity() {
  printf '%s\n' "$ROOT"
  "$VENV/bin/python" -c 'import sys; print(sys.version_info[:2], sys.base_prefix)' 2>/dev/null || true
}

make_environment() {
  rm -rf -- "$VENV"/{bin,include,lib,lib64,share,pyvenv.cfg} "$VENV"/.prepared-*
  "$1" -m venv --without-pip "$VENV"
}

install_build_requirements() {
  local pip
  if "$VENV/bin/python" -m pip --version; then
    pip=(-m pip)
  else
    pip=("$(find_pip)") || return
  fi
  "$VENV/bin/python" "${pip[@]}" install --require-hashes --no-deps --only-binary :all: -r requirements-build.lock
}

pip_install() {
  "$VENV/bin/python" -m pip install --disable-pip-version-check --no-deps --no-build-isolation "$@"
}

# What the environment was made of; equal means there is nothing to do.
fingerprint() {
  {
    identity
    find web -name node_modules -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
    sha256sum pyproject.toml requirements*.lock scripts/lib/setup.bash
  } 2>/dev/null | sha256sum
}

# The lock is the folder itself, and closed again before anything that stays is started.
alone_in() {
  exec 9<"$1"
  flock --nonblock 9 || { printf 'Waiting for another set-up in %s\n' "$1" >&2 && flock 9; }
}

let_others() {
  exec 9<&-
}

prepare() {
  local kind=${1:-runtime} lock=requirements.lock python now
  [[ $kind == runtime ]] || lock=requirements-dev.lock
  alone_in "$ROOT"
  now=$(fingerprint)
  if ! is_prepared "$kind" "$now"; then
    python=$(find_python)
    printf 'Setting up (%s)\n' "$("$python" -V)" >&2
    if [[ $(cat "$VENV/.identity" 2>/dev/null) != "$(identity)" ]]; then
      step 'virtual environment' make_environment "$python"
    fi
    # What is interrupted from here on is made anew: half a package counts as installed.
    rm -f -- "$VENV"/.prepared-* "$VENV/.identity"
    step 'pip, build tools, Node' again install_build_requirements
    step 'Python packages' again pip_install --require-hashes --only-binary :all: --no-binary forbiddenfruit -r "$lock"
    step 'Hune and its pages' again pip_install --editable .
    identity >"$VENV/.identity"
    now=$(fingerprint)
    printf '%s\n' "$now" >"$VENV/.prepared-$kind"
  fi
  let_others
}

# A development environment serves for running too.
is_prepared() {
  local stamp
  [[ -f src/hune/nester/static/manifest.json ]] || return 1
  for stamp in "$VENV/.prepared-$1" "$VENV/.prepared-development"; do
    [[ $(cat "$stamp" 2>/dev/null) == "$2" ]] && return 0
  done
  return 1
}
