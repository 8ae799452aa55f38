"""Where things lie in the data directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths below one data directory; nothing is created by naming it."""

    root: Path

    @property
    def config(self) -> Path:
        """Rendered files of the running stack."""
        return self.root / "config"

    @property
    def site_json(self) -> Path:
        """The applied site, as services read it."""
        return self.config / "site.json"

    @property
    def engines(self) -> Path:
        """Fetched engines, `engines/NAME/VERSION/`."""
        return self.root / "engines"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Lock, socket, chosen ports: what matters only while running."""
        return self.root / "run"

    @property
    def socket(self) -> Path:
        """The conductor's control socket."""
        return self.run / "conductor.sock"

    def complete(self, store: str) -> Path:
        """What the conductor wrote down of a store: until when it holds everything."""
        return self.run / {"victoriametrics": "store.json"}.get(store, f"{store}.json")

    @property
    def overlays(self) -> Path:
        """Partial sites laid over the site file, `*.yaml`, in order of name."""
        return self.root / "overlays"

    @property
    def lab(self) -> Path:
        return self.root / "lab"

    def key(self, name: str) -> Path:
        """The key to the door of the engine NAME, for those that are locked."""
        return self.root / "keys" / name

    def data(self, name: str) -> Path:
        """What the process NAME keeps."""
        return self.root / "data" / name

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def data_root(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the data directory: `given`, else HUNE_DATA_DIR, else the XDG place; absolute."""
    chosen = given or os.environ.get("HUNE_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    state = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(state).expanduser().absolute() / "hune"
