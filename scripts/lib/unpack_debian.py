"""Unpack Debian packages into a folder, without root: `unpack_debian.py FOLDER PACKAGE…`.

`PACKAGE?` is left out where it is not offered; `PACKAGE+` brings along what it needs and isn't installed. Needs nothing
but Python itself and apt: it runs before anything is installed.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from hune.core.errors import Unavailable
from hune.stack.debian import Apt, Package


def main(folder: Path, packages: list[str]) -> int:
    """Replace `folder` by the unpacked packages; it is whole or absent."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".debian-") as work:
        apt_root = Path(work, "apt")
        apt_root.mkdir()
        unpacked = Path(work, "unpacked")
        unpacked.mkdir()
        try:
            apt = Apt(apt_root)
            apt.update(_say)
            for package in _download(apt, packages):
                part = Path(work, package.name)
                package.unpack(part, _adaptation(package.name))
                shutil.copytree(part, unpacked, dirs_exist_ok=True, symlinks=True)
        except Unavailable as error:
            _say(error.message)
            return 1
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)
    return 0


def _adaptation(package: str) -> Callable[[Path], None] | None:
    """Return what has to be changed in a package that is unpacked instead of installed."""
    if package != "prometheus-alertmanager":
        return None
    # Only here: the engines' files need Hune's own dependencies, which pip's own package comes before.
    from hune.stack.engines import alertmanager

    return alertmanager.after_unpack


def _download(apt: Apt, packages: list[str]) -> Iterator[Package]:
    needed = [name for name in packages if not name.endswith(("?", "+"))]
    for name in packages:
        if name.endswith("+"):
            needed += apt.with_requirements(name.removesuffix("+"))
    yield from apt.download(needed, _say)
    for name in packages:
        if name.endswith("?"):
            with suppress(Unavailable):
                yield from apt.download([name.removesuffix("?")], _say)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), sys.argv[2:]))
