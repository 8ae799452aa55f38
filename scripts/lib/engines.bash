# Sourced after setup.bash: `use_engines` puts the five engines on the PATH, for tests and benchmarks;
# `use_postgresql` the server's programs.

# A program → the package of Debian 12 that brings it.
declare -A ENGINES=(
  [prometheus]=prometheus
  [promtool]=prometheus
  [prometheus-alertmanager]=prometheus-alertmanager
  [amtool]=prometheus-alertmanager
  [prometheus-node-exporter]=prometheus-node-exporter
  [prometheus-blackbox-exporter]=prometheus-blackbox-exporter
  [victoria-metrics]=victoria-metrics
  [vmagent]=victoria-metrics
)

# What is on the PATH already is used; otherwise Debian's packages are unpacked into the cache, once, without root.
use_engines() {
  local engine packages
  if engines_found; then return; fi
  enter_cache "${XDG_CACHE_HOME:-$HOME/.cache}/hune-test" engines src/hune/stack/engines/alertmanager.py
  export PATH=$CACHED/usr/bin:$PATH
  if ! engines_found; then
    mapfile -t packages < <(printf '%s\n' "${ENGINES[@]}" 'promtool?' | sort -u) # Debian 13 has promtool apart
    step "engines, into $CACHED" again "$VENV/bin/python" scripts/lib/unpack_debian.py "$CACHED" "${packages[@]}"
    for engine in "${!ENGINES[@]}"; do
      command -v "$engine" >/dev/null || die "$engine: not in Debian's ${ENGINES[$engine]}; put it on the PATH"
    done
  fi
  let_others
}

# PostgreSQL, any version from 15 on, lies beside the PATH where Debian installs it. It refuses to run as root: run by
# root the tests start it as another user, who must be able to read it.
use_postgresql() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/hune-test
  ((EUID)) || folder=/var/cache/hune-test
  if find_postgresql /; then return; fi
  enter_cache "$folder" postgresql
  if ! find_postgresql "$CACHED/"; then
    step "PostgreSQL, into $CACHED" again "$VENV/bin/python" scripts/lib/unpack_debian.py "$CACHED" postgresql+
    chmod a+rx "$CACHED"
    find_postgresql "$CACHED/" ||
      die "PostgreSQL: Debian's postgresql has none from 15 on; put initdb and postgres on the PATH"
  fi
  let_others
}

# enter_cache FOLDER NAME FILE…: set CACHED to the place of what is unpacked by these files and the scripts', and keep
# others out until let_others. Another version of them has another place: tests of another work tree may be using it.
enter_cache() {
  local cache=$1 name=$2 made_of
  made_of=$(cat scripts/lib/{engines.bash,unpack_debian.py} src/hune/stack/debian.py "${@:3}" | sha256sum)
  CACHED=$cache/$name-${made_of:0:12}
  mkdir -p -- "$cache"
  alone_in "$cache"
  # What was interrupted, and what no work tree used for weeks.
  rm -rf -- "$cache"/.debian-*
  [[ ! -d $CACHED ]] || touch -- "$CACHED"
  find "$cache" -mindepth 1 -maxdepth 1 -name "$name-*" -mtime +20 -exec rm -rf -- {} +
}

find_postgresql() {
  local programs version
  for programs in $(compgen -G "$1usr/lib/postgresql/*/bin" | sort -rV); do
    version=${programs%/bin}
    if [[ ${version##*/} -ge 15 && -x $programs/initdb && -x $programs/postgres ]]; then
      export PATH=$PATH:$programs
      return
    fi
  done
  [[ $1 == / ]] && command -v initdb postgres >/dev/null
}

engines_found() {
  local engine
  for engine in "${!ENGINES[@]}"; do
    command -v "$engine" >/dev/null || return 1
  done
}
