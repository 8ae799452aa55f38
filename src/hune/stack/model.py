"""What a plan is made of: files, processes and things to watch; plain data that travels as JSON.

Nothing here imports the site, so that the conductor stays small.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class File:
    """A rendered file, `path` relative to `config/`.

    `check` is the command by which the engine itself judges it; `{dir}` stands for the directory it is staged in.
    """

    path: str
    content: str
    check: tuple[str, ...] = ()


@dataclass(frozen=True)
class Process:
    """A child of the conductor.

    It is started once all of `after` are ready, is ready when `ready_url` answers 2xx, and is asked to
    read its files (`reads`) again by `reload_signal`; without one it is restarted when they change.
    `series_dir` holds samples in order of time: what lies in the future there is put aside before a start.
    `is_ours` says that it is Hune itself, which resolves secrets: it gets the whole environment, others what programs
    need. Each variable of `sealed` gets a value that nobody knows: a key to what nobody may ask for.
    `key` is the file of the key without which it answers nobody.
    `outlives` names who asks it without needing it: when all stop it goes after them.
    `first` is a module of Hune with its arguments, run to the end before each start: it makes what is missing.
    `identity` are options of setpriv: another user that it runs as. `stop_signal` asks it to end; one that
    `has_workers` leaves them to end by themselves when it is killed.
    """

    name: str
    argv: tuple[str, ...]
    ready_url: str
    after: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    reload_signal: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    ready_seconds: float = 60.0
    stop_seconds: float = 15.0
    series_dir: str = ""
    is_ours: bool = False
    sealed: tuple[str, ...] = ()
    key: str = ""
    outlives: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    stop_signal: str = "TERM"
    has_workers: bool = False


@dataclass(frozen=True)
class Watched:
    """A service whose working is checked: `kind` names the check, `process` the child that provides it.

    `process` is empty for a service that runs elsewhere or was found running here (`adopted`); `key` is the file of
    the key to one elsewhere that asks for it.
    """

    name: str
    kind: str
    url: str
    address: str
    process: str = ""
    adopted: bool = False
    key: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything the conductor needs to know."""

    site: str
    processes: tuple[Process, ...]
    files: tuple[File, ...]
    watched: tuple[Watched, ...]
    ports: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def url(self, name: str) -> str:
        """Return the URL of a watched service, or nothing if there is none of that name."""
        return next((watched.url for watched in self.watched if watched.name == name), "")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Rebuild a plan that `to_json` wrote."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            site=raw["site"],
            processes=tuple(Process(**_tuples(row)) for row in raw["processes"]),
            files=tuple(File(**_tuples(row)) for row in raw["files"]),
            watched=tuple(Watched(**row) for row in raw["watched"]),
            ports=raw.get("ports", {}),
            notes=tuple(raw["notes"]),
        )


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
