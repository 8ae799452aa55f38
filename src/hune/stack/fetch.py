"""Finding the engines: named in the site file, fetched before, on the PATH, or fetched now."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from hune.core.errors import InputError, Unavailable
from hune.core.layout import Layout
from hune.site.models import Program, Site
from hune.stack.debian import Apt, Package, Progress, unpack
from hune.stack.engines import ENGINES
from hune.stack.setting import Binary, parse_version

_CURRENT = "current"


def section(site: Site, name: str) -> Program:
    """Return an engine's part of the site."""
    found = getattr(site.engines, name.replace("-", "_"))
    assert isinstance(found, Program)
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
            wished = _wished(site, layout, name)
            binary = _fetched(ENGINES[name], layout, wished)
            if binary is None:
                offered = ", ".join(fetched_versions(layout, name))
                if not section(site, name).version:
                    raise InputError(
                        f"{layout.data(name)}: of {name} {wished}; Debian offers {offered} here",
                        remedy=f"install {name}-{wished} beside it, then run: hune store upgrade",
                    )
                raise InputError(
                    f"engines.{name.replace('-', '_')}.version: Debian offers {offered} here, not {wished}",
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
    version = _wished(site, layout, name)
    return _fetched(engine, layout, version) or _on_path(engine, version)


def _wished(site: Site, layout: Layout, name: str) -> str | None:
    """Return the version that the site names, else the only one that can read what is there, else None."""
    if version := section(site, name).version:
        return version
    kept_version = getattr(ENGINES[name], "kept_version", None)
    return kept_version(layout.data(name)) if kept_version else None


def every_program(site: Site, layout: Layout, name: str) -> list[Binary]:
    """Return all programs of an engine that are here and run: the one the site names, fetched ones, installed ones."""
    engine, named = ENGINES[name], section(site, name).path
    paths = [Path(named).expanduser()] if named else []
    for version in fetched_versions(layout, name):
        paths += (path.resolve() for path in _below(layout.engines / name / version, engine))
    paths += (Path(path) for program in engine.PROGRAMS if (path := shutil.which(program)))
    paths += _below(Path("/"), engine)
    found = []
    for path in dict.fromkeys(paths):
        with contextlib.suppress(InputError):
            found.append(_examine(engine, path))
    return found


def fetched_versions(layout: Layout, name: str) -> list[str]:
    """Return the versions of an engine that lie in the data directory, the current one first."""
    place = layout.engines / name
    current = place / _CURRENT
    first = current.readlink().name if current.is_symlink() else ""
    found = [entry.name for entry in place.glob("*") if entry.is_dir() and not entry.name.startswith((".", _CURRENT))]
    return sorted(found, key=lambda version: (version != first, version))


def _on_path(engine: ModuleType, wished: str | None) -> Binary | None:
    """Return the program that is installed, on the PATH or where Debian has it beside."""
    found = [Path(path) for program in engine.PROGRAMS if (path := shutil.which(program))]
    for path in [*found, *_below(Path("/"), engine)]:
        binary = _examine(engine, path)
        if binary.version < getattr(engine, "OLDEST", ()):
            continue
        if wished is None or binary.version_text.startswith(wished):
            return binary
    return None


def _below(root: Path, engine: ModuleType) -> list[Path]:
    """Return an engine's program below a root, the newest first, in folders of its own."""
    folders = [folder for pattern in getattr(engine, "FOLDERS", ()) for folder in root.glob(pattern)]
    newest = sorted(folders, key=lambda folder: parse_version(f"{folder.parent.name}.0"), reverse=True)
    return [folder / engine.PROGRAMS[0] for folder in newest if (folder / engine.PROGRAMS[0]).exists()]


def _fetched(engine: ModuleType, layout: Layout, wished: str | None) -> Binary | None:
    """Return a fetched version by its real place, so that another version is another command."""
    for version in fetched_versions(layout, engine.NAME):
        root = layout.engines / engine.NAME / version
        for path in (root / "usr/bin" / engine.PROGRAMS[0], *_below(root, engine)):
            if path.exists() and (wished is None or version.startswith(wished)):
                return _examine(engine, path.resolve())
    return None


def _examine(engine: ModuleType, path: Path) -> Binary:
    """Return what a program says of itself.

    Raises InputError if it can't be run at all: it is broken, or for another machine.
    """
    variables = engine.environment(path) if hasattr(engine, "environment") else {}
    try:
        answer = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **variables},
            check=False,
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
    return Binary(path, parse_version(answer.stdout + answer.stderr), tools, variables)


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
        wanted = {name: _packages(ENGINES[name], apt) for name in names}
        every = list(dict.fromkeys(package for packages in wanted.values() for package in packages))
        packages = {package.name: package for package in apt.download(every, progress)}
        for name in names:
            package = packages.get(wanted[name][0])
            if package is None:
                raise Unavailable(f"{name}: Debian offers no package {ENGINES[name].PACKAGE} here")
            progress(f"unpacking {name} {package.version}")
            place = layout.engines / name / package.version
            if not place.exists():
                parts: list[Package] = [packages[part] for part in wanted[name] if part in packages]
                _unpack(parts, place, ENGINES[name])
            versions[name] = package.version
    for name, version in versions.items():
        switch(layout, name, version)
    return versions


def _unpack(parts: list[Package], place: Path, engine: ModuleType) -> None:
    """Unpack an engine into its place, or where others can reach it, with a link in its place."""
    after = getattr(engine, "after_unpack", None)
    if os.geteuid() != 0 or not hasattr(engine, "OF_ROOT"):
        unpack(parts, place, after)
        return
    target: Path = engine.OF_ROOT / engine.NAME / place.name
    unpack(parts, target, after)
    for folder in (target.parent, engine.OF_ROOT, engine.OF_ROOT.parent):
        folder.chmod(0o755)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def _packages(engine: ModuleType, apt: Apt) -> list[str]:
    """Return what has to be downloaded for an engine, the package with its program first.

    Raises Unavailable if what Debian offers here is too old.
    """
    package: str = engine.PACKAGE
    if not hasattr(engine, "LEFT_OUT"):
        return [package]
    needed = [name for name in apt.with_requirements(package) if not name.startswith(engine.LEFT_OUT)]
    programs = [name for name in needed if re.fullmatch(rf"{package}-\d+", name)]
    if not programs or parse_version(f"{programs[0].rpartition('-')[2]}.0") < engine.OLDEST:
        raise Unavailable(
            f"{engine.NAME}: Debian offers {', '.join(programs) or 'none'} here; {engine.OLDEST[0]} or newer is needed",
            remedy=f"name one with engines.{engine.NAME}.path",
        )
    return [programs[0], *(name for name in needed if name != programs[0])]


def switch(layout: Layout, name: str, version: str) -> str:
    """Make a fetched version the current one, atomically; return the version that was current before."""
    link = layout.engines / name / _CURRENT
    before = link.readlink().name if link.is_symlink() else ""
    staged = link.with_name(".next")
    staged.unlink(missing_ok=True)
    staged.symlink_to(version)
    staged.replace(link)
    return before
