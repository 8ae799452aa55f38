"""Finding the engines: named in the site file, fetched before, on the PATH, or fetched now."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from hune.core.errors import InputError, Unavailable
from hune.core.layout import Layout
from hune.site.models import Engine, Site
from hune.stack.debian import Apt, Progress
from hune.stack.engines import ENGINES
from hune.stack.setting import Binary, parse_version

_CURRENT = "current"


def section(site: Site, name: str) -> Engine:
    """Return an engine's part of the site."""
    found = getattr(site.engines, name.replace("-", "_"))
    assert isinstance(found, Engine)
    return found


def find_engines(site: Site, layout: Layout, names: Sequence[str], progress: Progress) -> dict[str, Binary]:
    """Return the programs of the named engines; what is nowhere is fetched.

    Raises InputError if a path in the site file is not a program, Unavailable if fetching fails.
    """
    found: dict[str, Binary] = {}
    missing = []
    for name in names:
        binary = find_engine(site, layout, name)
        if binary is None:
            missing.append(name)
        else:
            found[name] = binary
    if missing:
        fetch(layout, missing, progress)
        for name in missing:
            wished = section(site, name).version
            binary = _fetched(ENGINES[name], layout, wished)
            if binary is None:
                raise InputError(
                    f"engines.{name.replace('-', '_')}.version: Debian offers "
                    f"{', '.join(fetched_versions(layout, name))} here, not {wished}",
                    remedy="change version, or install that one and name it with path",
                )
            found[name] = binary
    return found


def find_engine(site: Site, layout: Layout, name: str) -> Binary | None:
    """Return the program of one engine as it would be used now, or nothing if it would have to be fetched.

    Raises InputError if what is there can't be used.
    """
    engine, wished = ENGINES[name], section(site, name)
    if wished.path:
        path = Path(wished.path).expanduser()
        if not path.is_file() or not os.access(path, os.X_OK):
            raise InputError(f"engines.{engine.NAME}.path: {path} is not a program", remedy="give its binary")
        return _examine(engine, path)
    return _fetched(engine, layout, wished.version) or _on_path(engine, wished)


def fetched_versions(layout: Layout, name: str) -> list[str]:
    """Return the versions of an engine that lie in the data directory, the current one first."""
    place = layout.engines / name
    current = place / _CURRENT
    first = current.readlink().name if current.is_symlink() else ""
    found = [entry.name for entry in place.glob("*") if entry.is_dir() and not entry.name.startswith((".", _CURRENT))]
    return sorted(found, key=lambda version: (version != first, version))


def _on_path(engine: ModuleType, wished: Engine) -> Binary | None:
    for program in engine.PROGRAMS:
        path = shutil.which(program)
        if path is None:
            continue
        binary = _examine(engine, Path(path))
        if wished.version is None or binary.version_text.startswith(wished.version):
            return binary
    return None


def _fetched(engine: ModuleType, layout: Layout, wished: str | None) -> Binary | None:
    """Return a fetched version by its real place, so that another version is another command."""
    for version in fetched_versions(layout, engine.NAME):
        path = layout.engines / engine.NAME / version / "usr/bin" / engine.PROGRAMS[0]
        if path.exists() and (wished is None or version.startswith(wished)):
            return _examine(engine, path)
    return None


def _examine(engine: ModuleType, path: Path) -> Binary:
    """Return what a program says of itself.

    Raises InputError if it can't be run at all: it is broken, or for another machine.
    """
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "does not answer --version"
        raise InputError(
            f"{engine.NAME}: {path}: {reason}", remedy="replace it, or remove it and let Hune fetch one"
        ) from error
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip().splitlines()
        raise InputError(
            f"{engine.NAME}: {path} --version failed{': ' + said[-1] if said else ''}",
            remedy="replace it, or remove it and let Hune fetch one",
        )
    tools = {}
    for tool in engine.TOOLS:
        beside = path.with_name(tool)
        place = beside if beside.exists() else shutil.which(tool)
        if place:
            tools[tool] = Path(place)
    return Binary(path, parse_version(answer.stdout + answer.stderr), tools)


def fetch(layout: Layout, names: Sequence[str], progress: Progress) -> dict[str, str]:
    """Fetch engines as Debian packages into the data directory, make them current; return their versions.

    What is there already in that version is kept. A version that doesn't run is removed again.
    Raises Unavailable, with the engines that were there untouched.
    """
    layout.engines.mkdir(parents=True, exist_ok=True)
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=layout.engines, prefix=".fetch-") as private:
        apt = Apt(Path(private))
        apt.update(progress)
        packages = {package.name: package for package in apt.download([ENGINES[n].PACKAGE for n in names], progress)}
        for name in names:
            package = packages.get(ENGINES[name].PACKAGE)
            if package is None:
                raise Unavailable(f"{name}: Debian offers no package {ENGINES[name].PACKAGE} here")
            progress(f"unpacking {name} {package.version}")
            place = layout.engines / name / package.version
            if not place.exists():
                package.unpack(place, getattr(ENGINES[name], "after_unpack", None))
            versions[name] = package.version
    for name, version in versions.items():
        switch(layout, name, version)
    return versions


def switch(layout: Layout, name: str, version: str) -> str:
    """Make a fetched version the current one, atomically; return the version that was current before."""
    link = layout.engines / name / _CURRENT
    before = link.readlink().name if link.is_symlink() else ""
    staged = link.with_name(".next")
    staged.unlink(missing_ok=True)
    staged.symlink_to(version)
    staged.replace(link)
    return before
