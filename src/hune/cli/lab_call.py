"""Asking the lab, for the commands of `hune lab`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hune.cli import show
from hune.cli.options import layout_of
from hune.core.errors import HuneError, InputError, Unavailable
from hune.core.layout import Layout


def do(
    name: str, body: dict[str, Any], data_dir: Any, json_output: bool, tell: Callable[[dict[str, Any]], str]
) -> None:
    """Have the lab do something and say what happened."""
    answer = ask_lab(layout_of(data_dir), "POST", f"/{name}", body)
    if json_output:
        show.as_json(answer)
        return
    for event in answer["events"]:
        show.line(f"{event.get('node') or show.escape(event['subject'])}: {tell(event)}")
    if not answer["events"]:
        show.line("nothing to do")


def ask_conductor(layout: Layout, method: str, path: str, *, timeout_seconds: float = 10.0) -> dict[str, Any]:
    from hune.http.control import call

    code, answer = call(layout.socket, method, path, timeout_seconds=timeout_seconds)
    if code != 200:
        raise HuneError(answer["detail"])
    assert isinstance(answer, dict)
    return answer


def ask_lab(layout: Layout, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the lab's answer; raises InputError with its reason, or Unavailable with why it can't be reached."""
    from hune.http.control import call
    from hune.lab import overlay
    from hune.lab.places import socket_path

    try:
        code, answer = call(socket_path(layout), method, path, body, timeout_seconds=30.0)
    except Unavailable:
        ask_conductor(layout, "GET", "/status")  # says so if nothing runs at all
        if not overlay.path(layout).exists():
            raise Unavailable("the lab is not up", remedy="start it with: hune lab up") from None
        raise Unavailable("the lab does not answer", remedy="see: hune logs lab") from None
    if code != 200:
        raise (InputError if code == 400 else HuneError)(answer["detail"])
    assert isinstance(answer, dict)
    return answer
