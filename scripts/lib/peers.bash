# Sourced after setup.bash: `use_peers` has the programs that tests and benchmarks run beside Hune (requirements-peers.lock),
# in an environment of their own: nothing of Hune's imports them, and none of their needs binds Hune's.

PEERS=$ROOT/.venv-peers

# Tell tests where the peers' programs and their Python are: HUNE_TEST_PEERS is the bin directory. One that is given already is used.
use_peers() {
  local made_of
  if [[ -n ${HUNE_TEST_PEERS:-} ]]; then
    [[ -x $HUNE_TEST_PEERS/python && -x $HUNE_TEST_PEERS/fakepve && -x $HUNE_TEST_PEERS/pve_exporter ]] ||
      die "HUNE_TEST_PEERS=$HUNE_TEST_PEERS: no python, fakepve and pve_exporter there; unset it"
    return
  fi
  export HUNE_TEST_PEERS=$PEERS/bin
  alone_in "$ROOT"
  made_of=$({ identity && sha256sum requirements-peers.lock scripts/lib/peers.bash; } | sha256sum)
  if [[ $(cat "$PEERS/.made-of" 2>/dev/null) != "$made_of" ]]; then
    step 'programs that tests run beside Hune' again make_peers
    printf '%s\n' "$made_of" >"$PEERS/.made-of"
  fi
  let_others
}

make_peers() {
  rm -rf -- "$PEERS"
  "$VENV/bin/python" -m venv --without-pip "$PEERS" &&
    "$VENV/bin/python" -m pip --disable-pip-version-check --python "$PEERS/bin/python" install \
      --require-hashes --no-deps --only-binary :all: -r requirements-peers.lock
}
