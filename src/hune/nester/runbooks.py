"""What to do about an alert: Markdown pages that come with Hune."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# In a wheel they lie beside this file; in a source tree, where people edit them.
FOLDERS = (Path(__file__).parent / "runbooks", Path(__file__).parents[3] / "docs" / "runbooks")


@dataclass(frozen=True)
class Runbook:
    """A page: its name in addresses, its title, its HTML."""

    name: str
    title: str
    html: Markup


class Runbooks:
    """The pages of a folder, found by the name of an alert however it is written: `CpuHot`, `cpu-hot`."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {_key(name): (name, text) for name, text in texts.items()}
        self._rendered: dict[str, Runbook] = {}

    @classmethod
    def load(cls, folders: Iterable[Path] = FOLDERS) -> Runbooks:
        """Return the pages of the first folder that is there; none if there is none."""
        folder = next((folder for folder in folders if folder.is_dir()), None)
        paths = sorted(folder.glob("*.md")) if folder else []
        return cls({path.stem: path.read_text(encoding="utf-8") for path in paths if _key(path.stem) != "readme"})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._texts

    def names(self) -> list[str]:
        """Return the names of all pages."""
        return [name for name, _ in self._texts.values()]

    def get(self, name: str) -> Runbook | None:
        """Return a page, None if there is none of that name."""
        key = _key(name)
        if key in self._texts and key not in self._rendered:
            self._rendered[key] = render(*self._texts[key])
        return self._rendered.get(key)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _markdown() -> MarkdownIt:
    # Imported when the first page is read: most processes never need it.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def render(name: str, text: str) -> Runbook:
    """Return a page from its Markdown; links to other pages are made to lead there."""
    title = re.search(r"^# +(.+?) *$", text, flags=re.MULTILINE)
    html = _markdown().render(text)
    html = re.sub(r'href="(?:\./)?([A-Za-z0-9_-]+)\.md(#[^"]*)?"', r'href="/runbooks/\1\2"', html)
    # Markdown's own renderer escapes everything that isn't Markdown.
    return Runbook(name, re.sub(r"[`*_]", "", title[1]) if title else name, Markup(html))  # noqa: S704
