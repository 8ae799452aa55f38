"""One question to one endpoint: the answer as it came, or why there is none."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError

from hune.pve import answers, trust
from hune.pve.access import Access, Endpoint
from hune.pve.errors import BadAnswer, Unreachable

# Proxmox closes idle connections after some seconds: one kept longer ends in the moment in which it is used again.
_IDLE_SECONDS = 4.0
# Beside the calls that the pace allows: a login, trials.
_SPARE_CONNECTIONS = 4


@dataclass
class Answer:
    """A status with the body of a 200, or with what an error says; `size` is what was read, unpacked."""

    status: int
    body: bytearray
    text: str
    size: int


class Wire:
    """A pool of connections to the endpoints of one cluster."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._opening = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self,
        method: str,
        endpoint: Endpoint,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask, and return the answer whatever its status.

        Raises Unreachable if there is no connection, no trust or no whole answer, BadAnswer if it is no HTTP, too
        large or wrongly packed. Bounds the time of connecting only; the caller bounds the whole.
        """
        session = await self._open(endpoint, path)
        url = f"https://{endpoint}/api2/json{path}"
        try:
            async with session.request(
                method, url, params=params, data=form, headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    return Answer(response.status, bytearray(), await answers.read_error_text(response), 0)
                body = await answers.read(response, self._access.limits.max_answer_bytes)
                return Answer(200, body, "", len(body))
        except answers.TooLarge:
            most = self._access.limits.max_answer_bytes
            raise BadAnswer(
                f"{endpoint}: {path}: the answer is larger than {most} bytes", path=path, endpoint=str(endpoint)
            ) from None
        except aiohttp.ClientError as error:
            raise self._why(error, endpoint, path) from error

    async def close(self) -> None:
        """Close every connection."""
        async with self._opening:
            if self._session is not None:
                await self._session.close()
                # Transports close their sockets in the loop's next round; it may be the last.
                await asyncio.sleep(0)

    async def _open(self, endpoint: Endpoint, path: str) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                try:
                    accepted = await trust.ssl_argument(self._access.trust)
                except OSError as error:
                    why = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
                    what = f"{self._access.trust.ca_file}: {why}"
                    remedy = "name a readable PEM file of the authority, /etc/pve/pve-root-ca.pem of any node"
                    raise Unreachable(what, path=path, endpoint=str(endpoint), remedy=remedy) from error
                limits = self._access.limits
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(
                        ssl=accepted,
                        limit=limits.concurrency + _SPARE_CONNECTIONS,
                        keepalive_timeout=_IDLE_SECONDS,
                        ttl_dns_cache=60,
                    ),
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_seconds),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                    headers={"User-Agent": "Hune", "Accept-Encoding": "gzip", "Accept": "application/json"},
                )
        return self._session

    def _why(self, error: aiohttp.ClientError, endpoint: Endpoint, path: str) -> Unreachable | BadAnswer:
        remedy = ""
        if isinstance(error, aiohttp.ServerFingerprintMismatch | aiohttp.ClientSSLError):
            why, remedy = trust.why_refused(error, self._access.trust)
        elif isinstance(error, aiohttp.ServerTimeoutError):
            why = f"no connection within {self._access.limits.connect_seconds:g} s"
        elif isinstance(error, aiohttp.ClientConnectorDNSError):
            why, remedy = "its name does not resolve", "give its IP address"
        elif isinstance(error, aiohttp.ClientConnectorError):
            why = os.strerror(error.os_error.errno).lower() if error.os_error.errno else "no connection"
        elif isinstance(error.__cause__, ContentEncodingError):
            # That answer is spoilt; the node is there, and others may be whole.
            return BadAnswer(f"{endpoint}: {path}: the answer can't be unpacked", path=path, endpoint=str(endpoint))
        elif isinstance(error, aiohttp.ClientPayloadError):
            why = "broke off in the middle of its answer"
        elif isinstance(error, aiohttp.ClientResponseError):
            return BadAnswer(
                f"{endpoint}: {path}: what it answers is not HTTP",
                path=path,
                endpoint=str(endpoint),
                remedy="is it the port of the Proxmox API (8006)?",
            )
        else:
            why = "closed the connection without an answer"
        return Unreachable(f"{endpoint}: {why}", path=path, endpoint=str(endpoint), remedy=remedy)
