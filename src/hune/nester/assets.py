"""The bundled files of the pages: named by their content, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hune.core.errors import Unavailable

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
FOREVER = "public, max-age=31536000, immutable"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class Assets:
    """Files by their plain name (`app.js`), kept in memory: they are few and small."""

    def __init__(self, names: Mapping[str, str], files: Mapping[str, bytes]) -> None:
        self._names = names
        self._files = files

    @property
    def build(self) -> str:
        """What tells one build from another."""
        return hashlib.sha256("".join(sorted(self._names.values())).encode()).hexdigest()[:12]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Assets:
        """Return what was bundled. Raises Unavailable if nothing was."""
        try:
            names: dict[str, str] = json.loads((folder / "manifest.json").read_text())
            files = {
                str(path.relative_to(folder)): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file() and path.suffix in _TYPES and path.name != "manifest.json"
            }
        except (OSError, ValueError) as error:
            raise Unavailable(f"{folder}: the pages are not bundled", remedy="run: python web/build_hook.py") from error
        return cls(names, files)

    def url(self, name: str) -> str:
        """Return the address of a file. Raises KeyError if it was not bundled."""
        return PREFIX + self._names[name]

    async def serve(self, request: Request) -> Response:
        """Answer a request for a file."""
        path = request.path_params["path"]
        content = self._files.get(path)
        if content is None:
            raise HTTPException(404)
        kind = _TYPES[Path(path).suffix]
        # A worker's script needs the policy of its own: it is not covered by that of its page.
        return Response(content, headers={"Content-Type": kind, "Cache-Control": FOREVER})
