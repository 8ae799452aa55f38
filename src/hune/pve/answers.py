"""Reads what a Proxmox API answers: bounded bytes, the `data` in them, or the error that they tell."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp

from hune.pve.errors import BadAnswer, Failed, Forbidden, LoginRefused, NotThere, PveError

_MAX_ERROR_BYTES = 64 << 10
_MAX_ERROR_TEXT = 300

_PERMISSION = re.compile(r"\((?P<path>/[^\s,()]*),\s*(?P<privileges>[A-Za-z.]+(?:\s*[|,]\s*[A-Za-z.]+)*)\)")
# How Proxmox says with a 500 that a thing isn't there, or was never set up.
_ABSENT = re.compile(
    r"does not exist|doesn't exist|not exist\b|no such |not found|not configured|not initialized|not installed"
    r"|not implemented|unable to find|hostname lookup|no qemu guest agent configured|not part of|missing '/etc/",
    re.IGNORECASE,
)
_NODE = re.compile(r"^/nodes/([^/]+)")
# AnyEvent's own codes, which Proxmox answers for a node that it can't reach for us.
_BEHIND = {595: "can't be reached", 596: "broke off or took too long", 597: "failed", 598: "failed", 599: "failed"}
OVERLOADED = frozenset({429, 502, 503, 504})


class TooLarge(Exception):
    """More bytes came than are allowed."""


async def read(response: aiohttp.ClientResponse, most: int) -> bytearray:
    """Return the body. Raises TooLarge as soon as it is known to be larger than `most`, and what aiohttp raises."""
    if response.content_length is not None and response.content_length > most:
        raise TooLarge
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise TooLarge
    return body


async def read_error_text(response: aiohttp.ClientResponse) -> str:
    """Return what the error says: the `message` of the body, else the reason phrase, as one bounded line."""
    text = response.reason or ""
    try:
        document = json.loads(await read(response, _MAX_ERROR_BYTES))
    except (TooLarge, ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        message, errors = document.get("message"), document.get("errors")
        if isinstance(message, str) and message.strip():
            text = message
        if isinstance(errors, dict) and errors:
            text += " " + ", ".join(f"{key}: {why}" for key, why in errors.items())
    return one_line(text)


def one_line(text: str) -> str:
    """Return text without control characters, on one line of bounded length."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 2 * _MAX_ERROR_TEXT]).split())
    return line if len(line) <= _MAX_ERROR_TEXT else f"{line[: _MAX_ERROR_TEXT - 1]}…"


def data_of(body: bytearray, *, path: str, endpoint: str) -> Any:
    """Return the `data` of an answer, whose bytes are used up. Raises BadAnswer if it isn't one."""
    try:
        text = body.decode()
        # Of 20,000 guests this is 8 MB, while what it says is made of it in some 65 ms. A thread would not spare the
        # event loop that: the decoder never gives up the interpreter.
        body.clear()
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "data" not in document:
        raise BadAnswer(
            f"{endpoint}: {path}: the answer is not JSON of a Proxmox API",
            path=path,
            endpoint=endpoint,
            remedy="is it the address and port of the Proxmox API (8006)?",
        )
    return document["data"]


def error_of(status: int, text: str, *, path: str, endpoint: str, account: str) -> PveError:
    """Return the error that a status other than 200, and what was said with it, stand for."""
    where: dict[str, str] = {"path": path, "endpoint": endpoint}
    said = f"{endpoint}: {path}: {text or 'no reason given'} ({status})"
    if 300 <= status < 400:
        return BadAnswer(
            f"{endpoint}: {path}: leads elsewhere ({status}), which is not followed",
            remedy="give the address and port of the Proxmox API itself",
            **where,
        )
    if status == 401:
        told = f"{endpoint}: {account} is not let in: {text or 'no reason given'} ({status})"
        return LoginRefused(told, remedy="check token or password, and whether it is enabled or expired", **where)
    if status == 403:
        return _forbidden(text, account=account, **where)
    if status in (400, 404, 501) or (status == 500 and _ABSENT.search(text)):
        return NotThere(said, **where)
    if status in _BEHIND:
        node = _NODE.match(path)
        who = f"node {node[1]}" if node else "its own daemon"
        return Failed(f"{endpoint}: {path}: {who} {_BEHIND[status]}: {text or 'no reason given'} ({status})", **where)
    return Failed(said, **where)


def _forbidden(text: str, *, account: str, path: str, endpoint: str) -> Forbidden:
    found = _PERMISSION.search(text)
    if found is None:
        return Forbidden(
            f"{endpoint}: {path}: {account} may not: {text or 'no reason given'}", path=path, endpoint=endpoint
        )
    privileges = tuple(re.split(r"\s*[|,]\s*", found["privileges"]))
    return Forbidden(
        f"{endpoint}: {path}: {account} lacks {' or '.join(privileges)} on {found['path']}",
        path=path,
        endpoint=endpoint,
        acl_path=found["path"],
        privileges=privileges,
        remedy="hune pve check prints the commands that grant it",
    )


def is_own_fault(status: int, path: str, node: str) -> bool:
    """Whether an answer tells that the endpoint itself (of `node`, empty if not known) can't do its work.

    502 and 503 come from what stands before it; 595 and above from itself, unless it was asked about another node.
    """
    if status in (502, 503):
        return True
    about = _NODE.match(path)
    return status in _BEHIND and (about is None or (node != "" and about[1] == node))
