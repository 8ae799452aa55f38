"""Why a call failed, in words that a person reads."""

import errno
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from hune.core.errors import why

KEY = ConnectionKey("127.0.0.1", 9090, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
REFUSED = OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9090)")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (aiohttp.ClientConnectorError(KEY, REFUSED), "connection refused"),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name or service not known")), "does not resolve"),
        (TimeoutError(), "no answer in time"),
        (aiohttp.ServerTimeoutError("Connection timeout to host http://x"), "no answer in time"),
        (ConnectionResetError(errno.ECONNRESET, "Connection lost"), "connection reset by peer"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong")), "TLS failed"),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
        (ValueError(), "ValueError"),
    ],
)
def test_cause_is_told_without_the_library_s_own_names(error: Exception, words: str) -> None:
    assert words in why(error)
    assert "ssl:default" not in why(error)
