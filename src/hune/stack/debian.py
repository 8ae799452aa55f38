"""Debian's packages without root: downloaded and unpacked into a directory, never installed, no service started.

apt keeps its own signatures and hashes; only its directories are private, so a user who never ran
`apt-get update` can use it. Source: apt.conf(5), measured in docs/decisions.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hune.core.errors import Unavailable

Progress = Callable[[str], None]

_CONFIGURATION = """\
Dir::State "{root}/state";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Cache::archives "{root}/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "{root}/log";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons-hidpi::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
"""


@dataclass(frozen=True)
class Package:
    """A downloaded package: Debian's name and version, and the file."""

    name: str
    version: str
    file: Path

    def unpack(self, target: Path, after: Callable[[Path], None] | None = None) -> None:
        """Unpack below `target`, whole or not at all; `after` may still change what was unpacked."""
        unpack([self], target, after)


def unpack(packages: Sequence[Package], target: Path, after: Callable[[Path], None] | None = None) -> None:
    """Unpack packages into one another below `target`, whole or not at all, as `Package.unpack` does one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack-") as staging:
        for package in packages:
            _run(["dpkg-deb", "-x", str(package.file), f"{staging}/root"], f"unpacking {package.name}")
        if after is not None:
            after(Path(staging, "root"))
        if target.exists():
            shutil.rmtree(target)
        Path(staging, "root").rename(target)


class Apt:
    """apt with private directories below `root`, which must exist and is the caller's to remove."""

    def __init__(self, root: Path) -> None:
        for tool in ("apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise Unavailable(
                    f"{tool}: not found, so engines can't be fetched as Debian packages",
                    remedy="install the engines and put them on the PATH, or name them with engines.NAME.path",
                )
        self._root = root
        for name in ("state", "lists/partial", "cache", "archives/partial", "log"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "status").touch()
        self._configuration = root / "apt.conf"
        self._configuration.write_text(_CONFIGURATION.format(root=root))

    def update(self, progress: Progress) -> None:
        """Read the package lists that this machine's sources name.

        Raises Unavailable with apt's own reason: no network, or a list that fails its signature.
        """
        progress("reading Debian's package lists")
        self._get(["update", "-q"], "reading Debian's package lists")

    def download(self, names: Sequence[str], progress: Progress) -> list[Package]:
        """Download the newest version of packages, verified by apt, into `archives/`.

        Raises Unavailable if one isn't offered here.
        """
        listing = self._get(["download", "--print-uris", "-q", *names], f"looking for {', '.join(names)}")
        rows = [line.split() for line in listing.splitlines() if line.startswith("'")]
        total = sum(int(row[2]) for row in rows)
        archives = self._root / "archives"
        with _watching(archives, total, progress):
            self._get(["download", "-q", *names], f"downloading {', '.join(names)}", cwd=archives)
        found = []
        for row in rows:
            name, version, _ = row[1].split("_", 2)
            found.append(Package(name, version.replace("%3a", ":"), archives / row[1]))
        return found

    def with_requirements(self, name: str) -> list[str]:
        """Return a package, or what an empty one stands for, and what it needs that isn't installed here.

        Raises Unavailable if it isn't offered here.
        """
        arguments = [
            "install",
            "--simulate",
            "--no-install-recommends",
            "-o",
            "Dir::State::status=/var/lib/dpkg/status",
        ]
        listing = self._get([*arguments, name], f"looking for what {name} needs")
        return [line.split()[1].split(":")[0] for line in listing.splitlines() if line.startswith("Inst ")]

    def _get(self, arguments: Sequence[str], doing: str, *, cwd: Path | None = None) -> str:
        return _run(["apt-get", "-c", str(self._configuration), *arguments], doing, cwd=cwd)


def _run(argv: Sequence[str], doing: str, *, cwd: Path | None = None) -> str:
    result = subprocess.run(argv, capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL, check=False)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith(("E:", "W:", "dpkg"))]
        reason = lines[-1] if lines else (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
        raise Unavailable(
            f"{doing}: {reason.removeprefix('E: ')}",
            remedy="check the network and this machine's apt sources, or name the engines with engines.NAME.path",
        )
    return result.stdout


class _watching:  # noqa: N801 - used as a context manager function
    """Tells how much of `total` bytes has arrived in a directory, a few times a second."""

    def __init__(self, directory: Path, total: int, progress: Progress) -> None:
        self._directory = directory
        self._total = total
        self._progress = progress
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.3):
            arrived = 0
            for file in (*self._directory.glob("*.deb"), *self._directory.glob("partial/*")):
                try:
                    arrived += file.stat().st_size
                except FileNotFoundError:
                    continue
            self._progress(f"downloading {arrived / 1e6:.0f} of {self._total / 1e6:.0f} MB")
