"""Whether the secrets that a site refers to can be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from hune.core.errors import InputError
from hune.site.models import Site
from hune.site.problems import Location, Position, Problem
from hune.site.references import resolve
from hune.site.shape import secrets_of
from hune.site.values import KEY_PATTERN, Secret

_URL = re.compile(r"https?://[^\s/?#@]+\S*")
_DATABASE = re.compile(r"postgres(ql)?://\S+")
_REMEDIES = {
    "url": "put the URL alone in it: https://…",
    "key": "make one: openssl rand -hex 16",
    "database": "put the URL alone in it: postgresql://user:password@host:5432/name",
}


def check_all(
    site: Site, environ: Mapping[str, str], locate: Callable[[Location], Position] | None = None
) -> list[Problem]:
    """Return what is wrong with the secrets that a site refers to, empty if all can be used.

    `locate` (`Loaded.locate`) adds the place of each reference in the site file.
    """
    problems = []
    for location, ref, mark in secrets_of(site):
        where = locate(location) if locate else Position("")
        try:
            value = resolve(ref, environ)
        except InputError as error:
            problems.append(Problem(where, location, error.message, error.remedy))
            continue
        if wrong := _does_not_fit(value, mark):
            problems.append(Problem(where, location, f"{ref}: {wrong}", _REMEDIES[mark.holds]))
    return problems


def _does_not_fit(value: str, mark: Secret) -> str:
    if mark.holds == "url" and not _URL.fullmatch(value):
        return "what it holds is not an http(s) URL"
    if mark.holds == "database" and not _DATABASE.fullmatch(value):
        return "what it holds is not the URL of a PostgreSQL"
    if mark.holds == "key" and not re.fullmatch(KEY_PATTERN, value):
        return "what it holds is not a key of 16 to 200 letters, digits, '-', '_', '.' or '~'"
    return ""
