"""The certificate that an endpoint shows, whoever signed it: its fingerprint, and when it ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from hune.pve.access import Endpoint
from hune.pve.errors import Unreachable
from hune.pve.trust import as_shown

_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0


@dataclass(frozen=True)
class Certificate:
    """`ends_at` is in seconds since the epoch, None if the certificate doesn't tell in a way that is understood."""

    fingerprint: str
    ends_at: float | None


async def look_at(endpoint: Endpoint, *, timeout_seconds: float = 3.0) -> Certificate:
    """Return the certificate of an endpoint without trusting it; nothing is sent.

    Raises Unreachable if it shows none in time.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(timeout_seconds):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
    except TimeoutError:
        raise Unreachable(f"{endpoint}: no certificate within {timeout_seconds:g} s", endpoint=str(endpoint)) from None
    except OSError as error:
        why = "no connection"
        if isinstance(error, ssl.SSLError):
            why = "does not speak TLS"
        elif isinstance(error, socket.gaierror):
            why = "its name does not resolve"
        elif error.errno:
            why = os.strerror(error.errno).lower()
        raise Unreachable(f"{endpoint}: {why}", endpoint=str(endpoint)) from error
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    finally:
        writer.transport.abort()
    return Certificate(as_shown(hashlib.sha256(shown).digest()), ends_at(shown))


def ends_at(der: bytes) -> float | None:
    """Return when a certificate ends (RFC 5280, section 4.1), None if that can't be read."""
    try:
        _, at, _ = _element(der, 0)  # Certificate
        _, at, _ = _element(der, at)  # TBSCertificate
        tag, _, end = _element(der, at)
        if tag == _VERSION:
            _, _, end = _element(der, end)  # serial number
        for _ in range(2):  # signature, issuer
            _, _, end = _element(der, end)
        tag, at, _ = _element(der, end)  # validity
        if tag != _SEQUENCE:
            return None
        _, _, end = _element(der, at)  # not before
        tag, at, end = _element(der, end)
        form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}[tag]
        return datetime.strptime(der[at:end].decode("ascii"), form).replace(tzinfo=UTC).timestamp()
    except (IndexError, KeyError, ValueError, OverflowError):
        return None


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag of the element at a place, where its content begins, and where it ends."""
    tag, length, at = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[at : at + size])
        at += size
    if at + length > len(der):
        raise ValueError("cut off")
    return tag, at, at + length
