"""A directory tree whose files are replaced whole: a reader sees the old content or the new, never half of one."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path


class Tree:
    """The files of one node below `root`. Not thread-safe: one thread writes it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # New content is made beside the tree, so that no directory listing ever shows it.
        self._staging = root.with_name(f".{root.name}.next")
        self._written: dict[str, str] = {}

    def lay(self, files: Mapping[str, str], links: Mapping[str, str]) -> None:
        """Replace the whole tree; paths are relative to its root, link targets are taken as they are.

        Files of equal content share one inode: a node has thousands of files and a few hundred contents, and
        replacing one never touches the others.
        """
        self._written.clear()
        if self.root.exists():
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True)
        originals: dict[str, Path] = {}
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content in originals:
                os.link(originals[content], path)
            else:
                path.write_text(content)
                originals[content] = path
        for name, target in links.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)

    def put(self, name: str, content: str) -> bool:
        """Replace one file by a rename, if its content is new; return whether it was."""
        if self._written.get(name) == content:
            return False
        self._staging.write_text(content)
        self._staging.replace(self.root / name)
        self._written[name] = content
        return True

    def grow(self, files: Mapping[str, str], links: Mapping[str, str]) -> None:
        """Add files, and then the links by which they are found."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        for name, target in links.items():
            with contextlib.suppress(FileExistsError):  # an earlier try came so far
                (self.root / name).symlink_to(target)

    def prune(self, link: str, directory: str) -> None:
        """Remove a link, and then the directory it leads to."""
        (self.root / link).unlink(missing_ok=True)
        shutil.rmtree(self.root / directory, ignore_errors=True)
        self._written = {name: old for name, old in self._written.items() if not name.startswith(f"{directory}/")}

    def drop(self, name: str) -> None:
        """Remove one file, if it is there."""
        (self.root / name).unlink(missing_ok=True)
        self._written.pop(name, None)
