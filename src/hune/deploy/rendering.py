"""A rendering: files for a folder of an operator's, written without touching what isn't Hune's."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hune.core.errors import InputError
from hune.core.files import write_atomically

MARK = "Written by Hune"
"""In the first line of a rendering's head, so that a folder is known again as Hune's."""

_SHOWN = 5


@dataclass(frozen=True)
class Rendering:
    """Files by path; `head` is the one that bears the mark.

    Everything below `config/` belongs to the rendering: what an earlier one left there goes. `generated` are files
    with a secret in them, made once and never again; `notes` is what the operator should know.
    """

    head: str
    files: Mapping[str, str]
    generated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Written:
    """What writing a rendering did, as paths below the folder."""

    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)


def write(rendering: Rendering, folder: Path, *, force: bool = False) -> Written:
    """Bring a folder to what the rendering says.

    Raises InputError, with nothing changed, if the folder holds something else than an earlier rendering and `force`
    isn't given, or if it can't be written.
    """
    try:
        ours = _is_ours(rendering, folder)
        if not ours and not force:
            _refuse_foreign(folder)
        return _write(rendering, folder, clear=ours)
    except OSError as error:
        place = error.filename or folder
        raise InputError(
            f"{place}: {error.strerror}", remedy="name a folder that this user may write, with --out"
        ) from error


def _is_ours(rendering: Rendering, folder: Path) -> bool:
    head = folder / rendering.head
    if not head.is_file():
        return False
    with head.open(errors="replace") as file:
        return MARK in file.readline(200)


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder", remedy="name a folder with --out")
    if found := sorted(entry.name for entry in folder.iterdir()):
        shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
        raise InputError(
            f"{folder}: holds something else than an earlier rendering ({shown})",
            remedy="name an empty folder with --out, or write into this one with --force",
        )


def _write(rendering: Rendering, folder: Path, *, clear: bool) -> Written:
    done = Written()
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in rendering.files.items():
        place = folder / path
        if not place.is_file() or place.read_text(errors="replace") != content:
            _make_parents(folder, path, mode=0o755)
            write_atomically(place, content)
            done.changed.append(path)
    for path in rendering.generated:
        if not (folder / path).exists():
            # The folder keeps others out; the file itself must be readable for the user inside a container.
            _make_parents(folder, path, mode=0o700)
            write_atomically(folder / path, secrets.token_urlsafe(24), mode=0o444)
            done.generated.append(path)
    if clear:
        done.removed += _clear(rendering, folder)
    return done


def _make_parents(folder: Path, path: str, *, mode: int) -> None:
    """Make the folders above a file; whatever the user's umask, containers may enter those of mode 755."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        place = folder / parent
        if not place.is_dir():
            place.mkdir()
            place.chmod(mode)


def _clear(rendering: Rendering, folder: Path) -> list[str]:
    removed = []
    for place in sorted((folder / "config").rglob("*"), reverse=True):
        path = place.relative_to(folder).as_posix()
        if place.is_dir() and not place.is_symlink():
            if not any(place.iterdir()):
                place.rmdir()
        elif path not in rendering.files:
            place.unlink()
            removed.append(path)
    return sorted(removed)
