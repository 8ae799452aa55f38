"""Putting a plan's files in place: staged, judged by the engines themselves, then swapped; or left alone."""

from __future__ import annotations

import difflib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hune.core.errors import InputError
from hune.core.files import write_atomically
from hune.core.layout import Layout
from hune.core.logs import redact
from hune.stack.model import File, Plan

_KEPT_BEFORE_CHECK = 12


def check_files(plan: Plan, layout: Layout) -> None:
    """Stage all files in `config.next/` and let each engine judge its own.

    Raises InputError with the engine's words; nothing in `config/` has changed then.
    """
    staging = layout.root / "config.next"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        for file in plan.files:
            _place(staging, file)
        for file in plan.files:
            if file.check:
                _judge(file, staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _judge(file: File, staging: Path) -> None:
    argv = [part.replace("{dir}", str(staging)) for part in file.check]
    try:
        result = subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(
            f"{file.path}: {argv[0]} could not check it: {error}", remedy="replace that program"
        ) from error
    if result.returncode != 0:
        said = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
        words = " ".join(said[-_KEPT_BEFORE_CHECK:]).replace(f"{staging}/", "")
        raise InputError(f"{file.path}: refused by {Path(argv[0]).name}: {redact(words)}", remedy="nothing was changed")


def write_files(plan: Plan, layout: Layout) -> set[str]:
    """Bring `config/` to what the plan says; return the paths that changed."""
    changed = set()
    wanted = {file.path for file in plan.files}
    for file in plan.files:
        place = layout.config / file.path
        if not place.exists() or place.read_text() != file.content:
            _place(layout.config, file)
            changed.add(file.path)
    if layout.config.exists():
        for place in sorted(layout.config.rglob("*")):
            path = place.relative_to(layout.config).as_posix()
            if place.is_file() and path not in wanted:
                place.unlink()
                changed.add(path)
    return changed


def _place(directory: Path, file: File) -> None:
    write_atomically(directory / file.path, file.content, mode=0o640)


def differences(before: Plan | None, after: Plan) -> Iterator[str]:
    """Return what would change, as lines of a unified diff over files and commands."""
    old = _as_texts(before) if before else {}
    new = _as_texts(after)
    for name in sorted({*old, *new}):
        yield from difflib.unified_diff(
            old.get(name, "").splitlines(), new.get(name, "").splitlines(), f"now/{name}", f"then/{name}", lineterm=""
        )


def _as_texts(plan: Plan) -> dict[str, str]:
    texts = {f"config/{file.path}": file.content for file in plan.files}
    for process in plan.processes:
        environment = "".join(f"{key}={value}\n" for key, value in sorted(process.env.items()))
        texts[f"process/{process.name}"] = environment + "\n".join(process.argv) + "\n"
    return texts
