"""Keys in links: whoever holds one may act on the alert that it names, or, with the operator's, on all of them.

A key says what it permits and until when, and proves it by an HMAC under the hub's own secret, so nothing is stored of
it: `MAC.EXPIRES.ALERT.RECEIVER`. To make all of them void, remove the file of the secret and start the hub again.
"""

from __future__ import annotations

import hmac
import logging
import math
import secrets
import stat
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from hune.core.errors import InputError
from hune.core.files import write_atomically
from hune.core.layout import Layout

log = logging.getLogger(__name__)

LIFE_SECONDS = 30 * 86400
_SECRET_BYTES = 32
_MAC_BYTES = 18
_MAX_LENGTH = 256
_EVERYTHING = 0
"""In the place of an alert's number: the operator's key."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key permits."""

    episode: int | None
    """The one alert it is for; None: all."""
    receiver: str
    """Whom the link was sent to; empty: the operator."""
    made_at: float

    @property
    def expires(self) -> float:
        return self.made_at + LIFE_SECONDS


class Keys:
    """Makes keys and knows its own; `str` and `repr` tell nothing."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def for_alert(self, episode: int, receiver: str, *, now: float) -> str:
        """Return a key for one alert, in the link of a message to a receiver."""
        return self._make(episode, receiver, now)

    def for_operator(self, *, now: float) -> str:
        """Return a key for everything."""
        # No full stop at the end: what makes links of text would leave it out.
        return self._make(_EVERYTHING, "operator", now)

    def grant(self, key: str, *, now: float) -> Grant | None:
        """Return what a key permits, None if it isn't one of ours or has expired."""
        mac, _, claim = key.partition(".")
        if len(key) > _MAX_LENGTH or not hmac.compare_digest(mac.encode("utf-8", "replace"), self._mac(claim)):
            return None
        expires, episode, receiver = claim.split(".", 2)
        if now >= int(expires):
            return None
        made_at = int(expires) - LIFE_SECONDS
        return Grant(int(episode), receiver, made_at) if int(episode) else Grant(None, "", made_at)

    def _make(self, episode: int, receiver: str, now: float) -> str:
        claim = f"{math.ceil(now) + LIFE_SECONDS}.{episode}.{receiver}"
        return f"{self._mac(claim).decode()}.{claim}"

    def _mac(self, claim: str) -> bytes:
        digest = hmac.digest(self._secret, f"hune alert {claim}".encode("utf-8", "replace"), "sha256")
        return urlsafe_b64encode(digest[:_MAC_BYTES])


def path(layout: Layout) -> Path:
    """Return where the hub keeps its secret."""
    return layout.data("hub") / "link-key"


def read(path: Path) -> Keys:
    """Return the keys of a hub (blocking). Raises InputError if its secret isn't there, or not for this user."""
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: missing", remedy="the hub makes it at its start: hune up") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", remedy="be the user that Hune runs as") from error
    if len(secret) < _SECRET_BYTES:
        raise InputError(f"{path}: too short for a secret", remedy="remove it; the hub makes another at its start")
    return Keys(secret)


def load(path: Path) -> Keys:
    """Return the hub's keys, their secret made if there is none (blocking).

    Where it can't be kept, links work until the hub ends: that is no reason to tell nobody of alerts.
    """
    try:
        if path.exists() and path.stat().st_size < _SECRET_BYTES:
            log.error("%s: damaged; made anew, and links sent before are void", path)
            path.unlink()
        if not path.exists():
            write_atomically(path, secrets.token_bytes(_SECRET_BYTES), mode=0o600)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)
        return read(path)
    except (OSError, InputError) as error:
        log.error("%s: links in messages will be void once the hub ends: %s", path, error)
        return Keys(secrets.token_bytes(_SECRET_BYTES))
