# Sourced after setup.bash: `require_system_packages` has what the tests need of Debian besides Python.

# A file that must be there (a pattern) → the package that brings it. The Node in Playwright's package needs libatomic.
declare -A SYSTEM_FILES=(
  [/usr/bin/chromium]=chromium
  [/usr/bin/openssl]=openssl
  [/usr/bin/setpriv]=util-linux
  [/usr/bin/systemd-analyze]=systemd
  ['/usr/lib/*/libatomic.so.1']=libatomic1
  [/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf]=fonts-dejavu-core
)

# What the trials in deploy/trial take besides, which are long tests.
declare -A TRIAL_FILES=(
  [/sbin/ip]=iproute2
  [/usr/bin/wget]=wget
)

# As root, install what is missing; otherwise name it, with the command that installs it.
require_system_packages() {
  local file missing=()
  for file in "${!SYSTEM_FILES[@]}"; do
    compgen -G "$file" >/dev/null || missing+=("${SYSTEM_FILES[$file]}")
  done
  if [[ -n ${HUNE_TEST_LONG:-} ]]; then
    for file in "${!TRIAL_FILES[@]}"; do
      compgen -G "$file" >/dev/null || missing+=("${TRIAL_FILES[$file]}")
    done
  fi
  ((${#missing[@]})) || return 0
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  if ((EUID)) || ! command -v apt-get >/dev/null; then
    die "Debian packages that the tests need are missing (${missing[*]}); install them: $(install_command "${missing[@]}")"
  fi
  step "Debian packages: ${missing[*]}" again apt_install "${missing[@]}"
}

apt_install() {
  # No maintainer script starts a service in what it takes for runlevel 1, nor asks anything.
  local -x RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
  # Another set-up of this machine may be installing just now.
  local install=(apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@")
  # The package lists may be missing or old: then, and only then, they are read.
  "${install[@]}" || { apt-get update && "${install[@]}"; }
}
