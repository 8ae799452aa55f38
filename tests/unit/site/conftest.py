"""What the tests of the site file share: a host that never changes, and files written in a line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hune.site.detect import Chip, Port, ThisHost
from hune.site.load import load
from hune.site.models import Site

HOST = ThisHost(
    name="watch",
    kind="linux",
    ports=(Port("eno1", is_up=True, speed=10**9), Port("eno2", is_up=False, speed=None)),
    chips=(Chip("coretemp", "platform_coretemp_0"),),
    has_address=lambda address: address in ("127.0.0.1", "::1", "10.0.0.5", "watch"),
)


@pytest.fixture
def host() -> ThisHost:
    return HOST


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, which is the current one: errors name its files without their path."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load_text(in_folder: Path) -> Callable[..., Site]:
    """Load a text as `site.yaml`, each further text laid over it as `over1.yaml` …"""

    def load_it(text: str | bytes, *overlays: str, environ: dict[str, str] | None = None) -> Site:
        path = Path("site.yaml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        laid = []
        for number, overlay in enumerate(overlays, 1):
            laid.append(Path(f"over{number}.yaml"))
            laid[-1].write_text(overlay)
        return load(path, overlays=laid, environ=environ or {}, host=HOST)

    return load_it
