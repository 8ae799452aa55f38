"""The site file, found, read and checked: a `Site`, or everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hune.site import checks
from hune.site.detect import ThisHost, complete, inspect, site_without_file
from hune.site.explain import explain, key_position
from hune.site.guess import nearest
from hune.site.models import Site
from hune.site.problems import Location, Position, Problem, SiteErrors
from hune.site.tree import MAX_BYTES, Fatal, Tree, decode, parse, plant

FILE_NAME = "site.yaml"
OVERLAY_KEYS = ("nodes", "groups", "probes", "proxmox", "receivers")


def find(given: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Return the site file: `--site`, else HUNE_SITE, else `site.yaml` here; None means this machine."""
    if given is not None:
        return given
    if named := environ.get("HUNE_SITE"):
        return Path(named).expanduser()
    here = cwd / FILE_NAME
    return here if here.exists() or here.is_symlink() else None


@dataclass(frozen=True)
class Loaded:
    """A site, and where each of its values was written."""

    site: Site
    locate: Callable[[Location], Position]


def load(
    path: Path | None,
    *,
    overlays: Sequence[Path] = (),
    environ: Mapping[str, str],
    host: ThisHost | None = None,
) -> Site:
    """Return the site that a file describes with its overlays laid over it; without a file, this machine.

    Raises SiteErrors with everything that is wrong; the person who wrote the files corrects them.
    """
    return load_with_positions(path, overlays=overlays, environ=environ, host=host).site


def load_with_positions(
    path: Path | None,
    *,
    overlays: Sequence[Path] = (),
    environ: Mapping[str, str],
    host: ThisHost | None = None,
) -> Loaded:
    """Return the site as `load` does, with the means to tell where a value of it stands."""
    problems: list[Problem] = []
    host = host or inspect()
    if path is None:
        tree: Tree | None = plant(site_without_file(host, environ), "this machine")
    else:
        tree = _read(path, problems)
    over = [_read(overlay, problems) for overlay in overlays]
    if tree is None:
        raise SiteErrors(problems)
    for overlay_tree in over:
        if overlay_tree is not None:
            _lay_over(tree, overlay_tree, problems)
    return _finish(tree, problems, host)


def load_text(text: str, file: str, host: ThisHost) -> Site:
    """Return the site that a text describes; `file` names it in errors. Raises SiteErrors as `load` does."""
    problems: list[Problem] = []
    tree = _plant_text(text.encode(), file, problems)
    if tree is None:
        raise SiteErrors(problems)
    return _finish(tree, problems, host).site


def _finish(tree: Tree, problems: list[Problem], host: ThisHost) -> Loaded:
    site = _validate(tree, problems)
    if site is None or problems:
        raise SiteErrors(problems)
    return Loaded(complete(site, host), tree.find)


def _read(path: Path, problems: list[Problem]) -> Tree | None:
    """Return the tree of a file whose top is a mapping; else None, and the reason among the problems."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        problems.append(_unreadable(error, told(path)))
        return None
    return _plant_text(data, told(path), problems)


def told(path: Path) -> str:
    """Return how errors name a file: as seen from the current directory where it lies below that."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _plant_text(data: bytes, file: str, problems: list[Problem]) -> Tree | None:
    try:
        tree, found = parse(decode(data, file), file)
    except Fatal as fatal:
        problems.append(fatal.problem)
        return None
    problems.extend(found)
    if (tree is None and not found) or (tree is not None and tree.value is None and not tree.broken):
        problems.append(Problem(Position(file, 1, 1), (), "empty", "write one with: hune site init --force"))
    elif tree is not None and not isinstance(tree.value, dict) and not tree.broken:
        problems.append(Problem(tree.at, (), "not a mapping of settings", "start with 'name: …' and 'nodes:' lines"))
    return tree if tree is not None and isinstance(tree.value, dict) else None


def _unreadable(error: OSError | ValueError, file: str) -> Problem:
    at = Position(file)
    if isinstance(error, FileNotFoundError):
        return Problem(at, (), "no such file", "write one with: hune site init")
    if isinstance(error, IsADirectoryError):
        return Problem(at, (), "a directory", "name the file in it")
    if isinstance(error, PermissionError):
        return Problem(at, (), "not readable by this user", "change its mode: chmod u+r, or its owner")
    reason = error.strerror if isinstance(error, OSError) else "not a file name"
    return Problem(at, (), f"cannot be read: {reason}", "give a readable file")


def _lay_over(tree: Tree, overlay: Tree, problems: list[Problem]) -> None:
    """Add an overlay's nodes, groups, probes, clusters and receivers to the site; each value keeps its own place."""
    for key, part in overlay.mapping.items():
        if key not in OVERLAY_KEYS:
            near = nearest(key, OVERLAY_KEYS)
            remedy = f"did you mean {near}?" if near else f"an overlay has only {', '.join(OVERLAY_KEYS)}"
            problems.append(Problem(overlay.keys[key], (key,), "not for an overlay", remedy))
            continue
        below = tree.mapping.get(key)
        if below is None or below.value is None:
            tree.mapping[key] = part
            tree.keys[key] = overlay.keys[key]
        elif isinstance(part.value, list) and isinstance(below.value, list):
            tree.mapping[key] = Tree([*below.value, *part.value], below.at)
        elif isinstance(part.value, dict) and isinstance(below.value, dict):
            for name in part.value.keys() & below.value.keys():
                what = f"'{name}' is in {below.keys[name]} already"
                problems.append(Problem(part.keys[name], (key, name), what, "choose another name"))
            tree.mapping[key] = Tree({**part.value, **below.value}, below.at, {**part.keys, **below.keys})
        elif part.value is not None and not part.broken:
            wanted = "a list" if key != "groups" else "a mapping"
            problems.append(Problem(part.at, (key,), f"not {wanted}", f"write {key} as in the site file"))


def _validate(tree: Tree, problems: list[Problem]) -> Site | None:
    """Return the site of a tree, or None; adds what is wrong, the disagreements between parts included."""
    content = tree.plain()
    site: Site | None = None
    try:
        site = Site.model_validate(content)
    except ValidationError as error:
        problems.extend(explain(error.errors(include_url=False), tree))
    complete_content = site.model_dump() if site is not None else content
    for finding in checks.check(complete_content, tree.find):
        at = key_position(tree, finding.location) if finding.of_key else tree.find(finding.location)
        problems.append(Problem(at, finding.location, finding.what, finding.remedy))
    return site
