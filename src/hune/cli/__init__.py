"""The command `hune`: one file a command, put together in `app`."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from hune.core.errors import HuneError


def main() -> None:
    """Run the command line; errors meant for people end as one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A locale without the shapes of states is no reason to say nothing.
            stream.reconfigure(errors="replace")
    try:
        _dispatch(sys.argv[1:])
    except HuneError as error:
        for line in str(error).splitlines():
            print(line, file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe left (`hune status | head`): nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{place}{error.strerror or error}", file=sys.stderr)
        sys.exit(1)


def _dispatch(arguments: Sequence[str]) -> None:
    """Run what runs for months without the weight of a command line; everything else is a command of the app."""
    if arguments[:2] == ["run", "pve-exporter"]:
        # Its flags are another program's, with dots in their names.
        from hune.cli import running

        running.exporter(arguments[2:])
    elif arguments[:2] == ["run", "timescale"]:
        from hune.cli import running

        running.timescale(arguments[2:])
    elif (plain := _plainly(arguments)) is not None:
        from hune.cli import running

        running.services(*plain)
    else:
        from hune.cli.app import build

        build()()


def _plainly(arguments: Sequence[str]) -> tuple[Sequence[str], str | None] | None:
    """Return names and data directory of `run NAME… [--data-dir DIRECTORY]` in just this form, else None."""
    if arguments[:1] != ["run"]:
        return None
    names, data_dir = list(arguments[1:]), None
    if "--data-dir" in names[:-1] and names.index("--data-dir") == len(names) - 2:
        names, data_dir = names[:-2], names[-1]
    if not names or any(name.startswith("-") for name in names) or data_dir == "":
        return None
    return names, data_dir
