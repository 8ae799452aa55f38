"""`hune store` in this process: what it printed, and the error it ended with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from hune.cli.store import app
from hune.core.errors import HuneError


@dataclass
class Told:
    """What a command said."""

    code: int
    output: str
    """Both streams, as a person sees them."""
    error: str
    """The line that `hune` would print."""

    @property
    def document(self) -> Any:
        assert self.code == 0, self.error + self.output
        return json.loads(self.output)


def store(*arguments: str, **environment: str) -> Told:
    """Run a command; in a test that is a coroutine, in a thread."""
    done = CliRunner(env={"COLUMNS": "160", **environment}).invoke(app, arguments)
    if isinstance(done.exception, HuneError):
        return Told(done.exception.exit_code, done.output, str(done.exception))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Told(done.exit_code, done.output, "")
