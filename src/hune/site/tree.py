"""YAML text as a tree that knows where each key and value stands.

YAML 1.2's core schema and no more: `on`, `no`, `010` and `12:30` are what they look like, dates are text. Tags, merge
keys and more than one document are refused, and aliases are bounded, so a few lines never become a million values.
The tree is built from the parser's events, without recursion, so depth is bounded as well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from hune.site.problems import Location, Position, Problem

MAX_BYTES = 4 << 20
MAX_DEPTH = 32
MAX_VALUES = 100_000
MAX_PROBLEMS = 1000

Scalar = str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Tree:
    """A value with its place; `keys` holds the place of each key of a mapping.

    `size` counts values (long text as several), so that repetition through aliases can be bounded.
    `broken` marks a value that was refused while reading, so that nothing more is said about it.
    """

    value: dict[str, Tree] | list[Tree] | Scalar
    at: Position
    keys: dict[str, Position] = field(default_factory=dict)
    size: int = 1
    broken: bool = False

    @property
    def mapping(self) -> dict[str, Tree]:
        """What stands below each key; empty if this is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Any:
        """Return the value as dictionaries, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, step: str | int) -> Tree | None:
        """Return what stands at a key or index, None if nothing does."""
        if isinstance(self.value, dict):
            return self.value.get(step) if isinstance(step, str) else None
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def walk(self, location: Location) -> Iterator[Tree]:
        """Yield the trees from this one towards a location, as far as they exist."""
        tree: Tree | None = self
        yield self
        for step in location:
            if tree is None or (tree := tree.child(step)) is None:
                return
            yield tree

    def find(self, location: Location) -> Position:
        """Return the place of the value at a location, or of the nearest thing above it that is there."""
        *_, last = self.walk(location)
        return last.at


def plant(data: Any, file: str) -> Tree:
    """Return the tree of values that come from no text; `file` names their source in errors."""
    at = Position(file)
    if isinstance(data, dict):
        return Tree({key: plant(value, file) for key, value in data.items()}, at, dict.fromkeys(data, at))
    if isinstance(data, list):
        return Tree([plant(value, file) for value in data], at)
    return Tree(data, at)


class Fatal(Exception):
    """The text can't be read any further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def decode(data: bytes, file: str) -> str:
    """Return the text of a file; raises Fatal if it is too large, not UTF-8, or holds control characters."""
    start = Position(file, 1, 1)
    if len(data) > MAX_BYTES:
        raise Fatal(
            Problem(
                start,
                (),
                f"larger than {MAX_BYTES >> 20} MB",
                "give the right file",
            )
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Fatal(Problem(start, (), "UTF-16 text", "save the file as UTF-8"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", errors="replace")
        raise Fatal(Problem(_position(before, file), (), "not UTF-8 text", "save the file as UTF-8")) from error
    if match := _UNPRINTABLE.search(text):
        name = "a NUL byte" if match[0] == "\0" else f"the control character U+{ord(match[0]):04X}"
        raise Fatal(Problem(_position(text[: match.start()], file), (), name, "remove it; is this a text file?"))
    return text


# What YAML 1.2 calls printable; U+FEFF is allowed at the very start only, where utf-8-sig has removed it.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _position(before: str, file: str) -> Position:
    lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", before)
    return Position(file, len(lines), len(lines[-1]) + 1)


def parse(text: str, file: str) -> tuple[Tree | None, list[Problem]]:
    """Return the tree of a text, None if it is empty or can't be read to its end, and what is wrong with it."""
    builder = _Builder(file)
    try:
        for event in _events(text, file):
            builder.take(event)
    except Fatal as fatal:
        builder.problems.append(fatal.problem)
        return None, builder.problems
    return builder.root, builder.problems


def _events(text: str, file: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
        what, remedy = _explain(str(error.problem or ""), str(error.context or ""), text, mark.index if mark else 0)
        raise Fatal(Problem(at, (), what, remedy)) from error
    except (YAMLError, ValueError, OverflowError, IndexError, AttributeError, TypeError, AssertionError) as error:
        # The scanner lets a few malformed texts (an escape beyond Unicode, say) fall through as these.
        raise Fatal(Problem(Position(file, 1, 1), (), "not YAML", "check it with an editor that knows YAML")) from error


def _explain(problem: str, context: str, text: str, index: int) -> tuple[str, str]:
    """Return what is wrong and the remedy; the scanner's own words may quote the text, so only known ones are used."""
    character = text[index : index + 1]
    if "cannot start any token" in problem:
        if character == "\t":
            return "a tab in the indentation", "indent with spaces"
        return f"a value can't start with '{character}'", "put the value in quotes"
    if "mapping values are not allowed" in problem:
        return "a ':' where none can be", "check the indentation, or put the value in quotes"
    if "quoted scalar" in context:
        if "end of stream" in problem:
            return "a quote that is never closed", "close it"
        return "an unknown escape in double quotes", "use single quotes, or double the backslash"
    if "flow" in context:
        return "a list or mapping in brackets that isn't closed, or lacks a comma", "close it, or add the comma"
    if "block" in context or "could not find expected ':'" in problem:
        return "not a 'key: value' or '- item' of the lines above", "check the indentation and the ':' after the key"
    if "directive" in context or "YAML document" in problem:
        return "a directive that isn't understood", "remove the line that starts with '%'"
    if "duplicate anchor" in problem or "anchor" in context or "alias" in context:
        return "a wrong anchor or alias", "write & or * and a name, or put the value in quotes"
    if "tag" in context:
        return "a wrong tag", "remove the '!', or put the value in quotes"
    return "not YAML", "check the indentation, quotes and brackets here"


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end hasn't come yet; `key` is the key that waits for its value.

    Of `items` and `children` the one is filled that the value is; `skips` says that the key was refused.
    """

    at: Position
    anchor: str | None
    is_list: bool
    items: list[Tree] = field(default_factory=list)
    children: dict[str, Tree] = field(default_factory=dict)
    keys: dict[str, Position] = field(default_factory=dict)
    key: tuple[str, Position] | None = None
    skips: bool = False
    size: int = 1
    broken: bool = False

    def close(self) -> Tree:
        return Tree(self.items if self.is_list else self.children, self.at, self.keys, self.size, self.broken)


class _Builder:
    """Takes the events of one document and grows its tree."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.root: Tree | None = None
        self._file = file
        self._open: list[_Open] = []
        self._anchors: dict[str, Tree] = {}
        self._values = 0
        self._repeated = 0
        self._documents = 0

    def take(self, event: Event) -> None:
        at = Position(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
        self._values += 1
        if self._values > MAX_VALUES:
            self._stop(at, f"more than {MAX_VALUES} values", "a site has far fewer; give the right file")
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Fatal(Problem(at, (), "a second document", "keep one document: remove what follows '---'"))
        elif isinstance(event, AliasEvent):
            self._add(self._alias(event, at), None)
        elif isinstance(event, ScalarEvent):
            self._add(self._scalar(event, at), event.anchor)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            broken = not self._check_tag(event, at)
            if len(self._open) >= MAX_DEPTH:
                what = f"more than {MAX_DEPTH} levels deep"
                raise Fatal(Problem(at, (), what, "a site file has a few levels: check the brackets"))
            self._open.append(_Open(at, event.anchor, is_list=isinstance(event, SequenceStartEvent), broken=broken))
        elif self._open and not isinstance(event, NodeEvent):
            # The only other events between a start and the end of the document are ends.
            done = self._open.pop()
            self._add(done.close(), done.anchor)

    def _location(self) -> Location:
        steps: list[str | int] = []
        for level in self._open:
            if level.is_list:
                steps.append(len(level.items))
            elif level.key:
                steps.append(level.key[0])
        return tuple(steps)

    def _say(self, at: Position, what: str, remedy: str) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            raise Fatal(Problem(at, (), "more errors", "correct the others first"))
        self.problems.append(Problem(at, self._location(), what, remedy))

    def _stop(self, at: Position, what: str, remedy: str) -> None:
        raise Fatal(Problem(at, self._location(), what, remedy))

    def _add(self, tree: Tree, anchor: str | None) -> None:
        """Put a finished value where it belongs: as the root, an item, a key, or the value of a key."""
        if anchor is not None:
            self._anchors[anchor] = tree
        if not self._open:
            self.root = tree
            return
        level = self._open[-1]
        if level.is_list:
            level.items.append(tree)
        elif level.key is None:
            self._take_key(level, tree)
            return
        else:
            key, key_at = level.key
            level.key = None
            if tree.value is None and not tree.broken:
                # The scanner puts an empty value where the next thing starts.
                tree.at = key_at
            if not level.skips:
                level.children[key] = tree
                level.keys[key] = key_at
            level.skips = False
        level.size += tree.size

    def _take_key(self, level: _Open, tree: Tree) -> None:
        key = tree.value
        if isinstance(key, dict | list):
            self._say(tree.at, "a list or mapping as a key", "give a name as the key; check the brackets")
        elif not isinstance(key, str) or not key:
            self._say(tree.at, "an empty key", "give the key before the ':'")
        elif key == "<<":
            self._say(tree.at, "a merge key", "write the keys out, or share thresholds through a group")
        elif key in level.keys:
            self._say(tree.at, f"a duplicate key, first in line {level.keys[key].line}", "keep one of the two")
        else:
            level.key = (key, tree.at)
            return
        level.key = ("…", tree.at)
        level.skips = True

    def _alias(self, event: AliasEvent, at: Position) -> Tree:
        target = self._anchors.get(event.anchor)
        if target is None:
            self._say(at, "an alias of nothing", "define it before with &, or put the text in quotes")
            return Tree(None, at, broken=True)
        self._repeated += target.size
        if self._repeated > MAX_VALUES:
            self._stop(at, f"aliases that repeat more than {MAX_VALUES} values", "write out what is meant")
        return Tree(target.value, at, target.keys, target.size, target.broken)

    def _check_tag(self, event: Any, at: Position) -> bool:
        tag = getattr(event, "tag", None)
        if tag is None or str(tag) in ("!", "tag:yaml.org,2002:str"):
            return True
        self._say(at, "a tag (!…)", "site files have no tags: remove it, or put the text in quotes")
        return False

    def _scalar(self, event: ScalarEvent, at: Position) -> Tree:
        text: str = event.value
        if not self._check_tag(event, at):
            return Tree(None, at, broken=True)
        if _UNPRINTABLE.search(text):
            self._say(at, "a control character in a value", "remove the escape")
            return Tree(None, at, broken=True)
        is_key = bool(self._open) and not self._open[-1].is_list and self._open[-1].key is None
        if is_key or event.style or event.tag is not None:
            # Keys are names, whatever they look like.
            return Tree(text, at, size=1 + len(text) // 64)
        value = resolve(text)
        if isinstance(value, float) and not math.isfinite(value):
            self._say(at, "not a finite number", "give a number, or put the text in quotes")
            return Tree(None, at, broken=True)
        if value is _TOO_LARGE:
            self._say(at, "a number of more than 18 digits", "give a smaller number, or put the text in quotes")
            return Tree(None, at, broken=True)
        return Tree(value, at, size=1 + len(text) // 64)


_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ENDLESS = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TOO_LARGE = "\0 too large"


def resolve(text: str) -> Scalar:
    """Return what a plain scalar means in YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    for pattern, base in ((_INT, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.fullmatch(text):
            return _TOO_LARGE if len(text.lstrip("+-0")) > 18 else int(text, base)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _ENDLESS.fullmatch(text):
        return math.nan
    return text
