# Sourced after setup.bash: `use_engines` puts the five engines on the PATH, for tests and benchmarks.

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
  local engine packages folder=${XDG_CACHE_HOME:-$HOME/.cache}/hune-test/engines
  if engines_found; then return; fi
  PATH=$folder/usr/bin:$PATH
  export PATH
  if engines_found; then return; fi
  mapfile -t packages < <(printf '%s\n' "${ENGINES[@]}" | sort -u)
  step "engines, into ${folder/#$HOME/\~}" "$VENV/bin/python" scripts/lib/unpack_debian.py "$folder" "${packages[@]}"
  for engine in "${!ENGINES[@]}"; do
    command -v "$engine" >/dev/null || die "$engine: not in Debian's package ${ENGINES[$engine]}; put it on the PATH"
  done
}

engines_found() {
  local engine
  for engine in "${!ENGINES[@]}"; do
    command -v "$engine" >/dev/null || return 1
  done
}
