"""fakepve, a Proxmox VE API with faults on demand, in a process of its own.

    with fakepve({"nodes": {"pve-01": True}, "vms": [{"vmid": 100, "name": "web", "status": "running"}]}) as pve:
        ...  # ask pve.url with pve.user and pve.password, trusting pve.ca_file
        pve.call("set_node_offline", "pve-01")

The description of a cluster, every key optional:

| key | what |
|---|---|
| `name` | of the cluster |
| `user`, `password` | the login that is root's; `root@pam`, `secret` |
| `host`, `port` | where it listens; 127.0.0.1 and a port that is free |
| `certificate`, `key` | PEM files; else one is made that names `host`, and is its own authority |
| `nodes` | name → online |
| `vms`, `cts` | arguments of fakepve's FakeVm and FakeCt; others are set as attributes (`stats`, `ha_state`, `agent`) |
| `storages` | name → `type`, `content`, `shared`, `total`, `used`, `avail`, …; else fakepve's own three |
| `users`, `tokens` | `name@realm` → password; `user@realm!name` → secret |
| `grants` | list of user or token, path, privileges; without any everybody may do everything |
| `set` | other attributes of FakePve: `release_version`, `ticket_ttl`, `time_scale`, `latency` |
| `answers` | path → the data to answer, where fakepve's own is a stub |
| `frozen_at` | seconds since the epoch at which its time stands still |
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.ports import free_port

_PROCESS = Path(__file__).with_name("fakepve_process.py")


def peer(name: str) -> str:
    """Return the path of a program of the peers' environment (`python`, `pve_exporter`), which must be there."""
    folder = os.environ.get("HUNE_TEST_PEERS", "")
    assert folder, "HUNE_TEST_PEERS is not set; scripts/test sets it"
    path = Path(folder) / name
    assert path.is_file(), f"{path} is not there; scripts/test installs it"
    return str(path)


class FakePve:
    """The running fake: where it is, and what can be done to it while it serves."""

    def __init__(self, process: subprocess.Popen[str], description: Mapping[str, Any]) -> None:
        self._process = process
        self.user: str = description.get("user", "root@pam")
        self.password: str = description.get("password", "secret")
        greeting = self._exchange(description)
        self.url: str = greeting["url"]
        self.ca_file: str = greeting["certificate"]
        where = urlsplit(self.url)
        self.host, self.port = where.hostname or "", where.port or 0

    def call(self, method: str, *arguments: Any, vmid: int | None = None, **named: Any) -> Any:
        """Call a method of FakePve (`lose_quorum`, `fail`, `slow_network`), or a guest; coroutines run on alone."""
        return self._command({"call": method, "args": arguments, "kwargs": named}, vmid)

    def set(self, *, vmid: int | None = None, **attributes: Any) -> None:
        """Set attributes of FakePve or of a guest: `set(vmid=100, status="stopped")`."""
        self._command({"set": attributes}, vmid)

    def get(self, attribute: str, *, vmid: int | None = None) -> Any:
        """Return an attribute of FakePve or of a guest; what JSON can't say comes as text."""
        return self._command({"get": attribute}, vmid)

    def answer(self, path: str, data: Any) -> None:
        """Answer a path with this data from now on."""
        self._command({"answers": {path: data}}, None)

    def clear(self, attribute: str) -> None:
        """Empty a collection: `failures`, `requests`, `storages`."""
        self._command({"clear": attribute}, None)

    def _command(self, command: dict[str, Any], vmid: int | None) -> Any:
        answer = self._exchange(command if vmid is None else {**command, "vmid": vmid})
        if "error" in answer:
            raise RuntimeError(f"fakepve: {command}: {answer['error']}")
        return answer["result"]

    def _exchange(self, document: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"fakepve ended with exit code {self._process.wait(10)}; see its standard error")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def fakepve(description: Mapping[str, Any] | None = None) -> Iterator[FakePve]:
    """Run a fake of the described cluster for as long as the block lasts."""
    described = {"port": free_port(), **(description or {})}
    process = subprocess.Popen(
        [peer("python"), "-I", str(_PROCESS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield FakePve(process, described)
    finally:
        # The end of its standard input ends it.
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        process.stdout.close()
