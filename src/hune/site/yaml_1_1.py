"""YAML of other programs' files, which mean version 1.1 by it: there `no` is false and `010` is eight."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from hune.core.errors import InputError

_MAX_BYTES = 1 << 20


def read(path: Path) -> Any:
    """Return what a file says, as dictionaries, lists and scalars.

    Raises InputError if it can't be read or isn't YAML; somebody has to correct it.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}", remedy="name a readable file") from error
    if len(text) > _MAX_BYTES:
        raise InputError(f"{path}: larger than {_MAX_BYTES} bytes", remedy="is it the right file?")
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return yaml.load(text.decode("utf-8-sig"))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        # What stands there may be a secret: it isn't repeated.
        raise InputError(f"{where}: not YAML", remedy="check indentation and quotes") from None
    except (YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        raise InputError(f"{path}: not YAML", remedy="check indentation and quotes") from None
