# Sourced by the trials beside it, after scripts/lib/setup.bash: what both begin with.

need_root() {
  local program
  [[ $EUID -eq 0 ]] || die "needs root, for $1"
  shift
  for program in "$@"; do
    command -v "$program" >/dev/null || die "$program: not found; install it: apt-get install iproute2 util-linux wget"
  done
}

unpack() { "$VENV/bin/python" scripts/lib/unpack_debian.py "$@"; }

# make_debian FOLDER PACKAGE,…: a root file system, with a debootstrap that was unpacked into $TOOLS.
make_debian() {
  DEBOOTSTRAP_DIR=$TOOLS/usr/share/debootstrap "$TOOLS/usr/sbin/debootstrap" \
    --variant=minbase --include="$2" bookworm "$1"
}

# What installing Hune takes, fetched into a folder: the wheels of the lock files.
fetch_wheels() {
  local lock
  for lock in requirements-build.lock requirements.lock; do
    "$VENV/bin/python" -m pip download --quiet --require-hashes --no-deps --only-binary :all: \
      --requirement "$lock" --dest "$1"
  done
}
