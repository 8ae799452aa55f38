# Sourced after setup.bash: `use_engines` puts the five engines on the PATH, for tests and benchmarks.

# A program → the package of Debian 12 that brings it.
declare -A ENGINES=(
  [prometheus]=prometheus
  [promtool]=prometheus
  [prometheus-alertmanager]=prometheus-alertmanager
  [amtool]=prometheus-alertmanager
  [prometheus-node-exporter]=prometheus-node-exporter
  [prometheus-blackbox-exporter]=prometheus-blackbox-exporter
  [victoria-metrics]=victoria-metrics
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

engines_found() {
  local engine
  for engine in "${!ENGINES[@]}"; do
    command -v "$engine" >/dev/null || return 1
  done
}
