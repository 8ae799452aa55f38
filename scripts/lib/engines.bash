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
  local engine packages made_of folder=${XDG_CACHE_HOME:-$HOME/.cache}/hune-test/engines
  if engines_found; then return; fi
  export PATH=$folder/usr/bin:$PATH
  made_of=$(cat scripts/lib/{engines.bash,unpack_debian.py} src/hune/stack/{debian.py,engines/alertmanager.py} | sha256sum)
  if [[ $(cat "$folder/.made-of" 2>/dev/null) == "$made_of" ]] && engines_found; then return; fi
  mapfile -t packages < <(printf '%s\n' "${ENGINES[@]}" 'promtool?' | sort -u) # Debian 13 has promtool apart
  step "engines, into $folder" "$VENV/bin/python" scripts/lib/unpack_debian.py "$folder" "${packages[@]}"
  for engine in "${!ENGINES[@]}"; do
    command -v "$engine" >/dev/null || die "$engine: not in Debian's ${ENGINES[$engine]}; put it on the PATH"
  done
  printf '%s\n' "$made_of" >"$folder/.made-of"
}

# PostgreSQL, any version from 15 on, lies beside the PATH where Debian installs it. It refuses to run as root: run by
# root the tests start it as another user, who must be able to read it.
use_postgresql() {
  local found made_of folder=${XDG_CACHE_HOME:-$HOME/.cache}/hune-test/postgresql
  ((EUID)) || folder=/var/cache/hune-test/postgresql
  if find_postgresql /; then return; fi
  made_of=$(cat scripts/lib/{engines.bash,unpack_debian.py} src/hune/stack/debian.py | sha256sum)
  if [[ $(cat "$folder/.made-of" 2>/dev/null) == "$made_of" ]] && find_postgresql "$folder/"; then return; fi
  step "PostgreSQL, into $folder" "$VENV/bin/python" scripts/lib/unpack_debian.py "$folder" postgresql+
  chmod a+rx "$folder"
  find_postgresql "$folder/" || die "PostgreSQL: Debian's postgresql has none from 15 on; put initdb and postgres on the PATH"
  printf '%s\n' "$made_of" >"$folder/.made-of"
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
