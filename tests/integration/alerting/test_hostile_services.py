"""Services that answer as none should: over real sockets, what was accepted is accepted, and no secret gets out."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hune.alerting.notifiers import ContentRefused, ReceiverRefused, TryLater
from hune.alerting.notifiers.apprised import AppriseService, Words
from hune.alerting.notifiers.calling import Answer, Endpoint
from hune.core.errors import HuneError
from hune.http.call import open_session
from support.ports import free_port

SECRET = "s3cr3t-path"
PATIENCE = 60.0
SHORT_PATIENCE = 5.0
Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def service(answering: Answering, requests: list[bytes] | None = None) -> AsyncIterator[int]:
    """Run a server that reads a request and then does as it likes; yield its port."""

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            if requests is not None:
                requests.append(head)
            await answering(writer)
            writer.close()
            await writer.wait_closed()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", port := free_port())
    try:
        yield port
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


async def called(port: int, *, scheme: str = "http", patience: float = PATIENCE) -> Answer | HuneError:
    """Call a service; return its answer, or the error it comes to."""
    async with open_session() as session:
        url = f"{scheme}://127.0.0.1:{port}/{SECRET}?key={SECRET}"
        endpoint = Endpoint(session, url, what="the webhook", remedy="make a new one", timeout_seconds=patience)
        try:
            answer = await endpoint.call("post", b"{}", headers={"Authorization": f"Bearer {SECRET}"})
        except HuneError as error:
            found: HuneError = error
        else:
            if answer.accepted:
                return answer
            found = endpoint.judge(answer)
    assert SECRET not in "".join(traceback.format_exception(found))
    return found


def says(*parts: bytes, then: str = "close") -> Answering:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        if then == "hang":
            await asyncio.sleep(3600)
        while then == "flood":
            writer.write(b"x" * 65536)
            await writer.drain()
        while then == "trickle":
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    return answer


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answering",
    [
        says(OK, b"Content-Length: 1000\r\n\r\n{"),
        says(OK, b"Content-Length: 1073741824\r\n\r\n", then="flood"),
        says(OK, b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
        says(OK, b"Content-Type: application/json; charset=nonsense\r\n\r\n\xff\xfe{{{"),
        says(OK, b"\r\n", b"[" * 100_000),
        says(
            OK, b"Retry-After: -1\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset-After: -inf\r\n\r\n1" + b"0" * 9000
        ),
    ],
)
async def test_what_is_accepted_stays_so_however_the_answer_goes_on(answering: Answering) -> None:
    """Taken for a failure it would be sent again, for ever."""
    async with service(answering) as port:
        answer = await called(port)
    assert isinstance(answer, Answer)
    assert len(answer.text) < 1 << 20


@pytest.mark.parametrize(
    ("answering", "kind", "problem"),
    [
        (says(), TryLater, "hung up without an answer"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), TryLater, "answered what is not HTTP"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"), TryLater, "answered what is not HTTP"),
        (says(b"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\n{"), ContentRefused, "answered 400"),
        (says(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"), ReceiverRefused, "answered 401"),
        (says(b"HTTP/1.1 503 Busy\r\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"), TryLater, "answered 503"),
        (says(b"HTTP/1.1 429 Slow\r\nContent-Length: 99\r\n\r\n{"), TryLater, "answered 429"),
    ],
)
async def test_what_is_not_accepted_is_told_in_a_few_words(
    answering: Answering, kind: type[HuneError], problem: str
) -> None:
    async with service(answering) as port:
        error = await called(port)
    assert type(error) is kind
    assert str(error).startswith(problem)


async def test_answer_that_never_ends_is_judged_by_its_status() -> None:
    async def of(*parts: bytes, then: str) -> Answer | HuneError:
        async with service(says(*parts, then=then)) as port:
            return await called(port, patience=SHORT_PATIENCE)

    refused, none, *accepted = await asyncio.gather(
        of(b"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\n{", then="hang"),
        of(then="hang"),
        of(OK, b"Content-Length: 1000\r\n\r\n{", then="hang"),
        of(OK, b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", then="hang"),
        of(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"nonsense\r\n", then="close"),
        of(OK, b"\r\n", then="trickle"),
    )
    assert all(isinstance(answer, Answer) for answer in accepted)
    assert type(refused) is ContentRefused
    assert (type(none), str(none)) == (TryLater, "no answer in time")


@pytest.mark.parametrize(("status", "asked", "waited"), [(503, 9e9, 300.0), (503, -9, 0.0), (429, 1e99, 3600.0)])
async def test_pause_that_is_asked_for_has_bounds(status: int, asked: float, waited: float) -> None:
    """A status page that asks to come back tomorrow would silence alerts until then."""
    async with service(says(f"HTTP/1.1 {status} No\r\nRetry-After: {asked}\r\n\r\n".encode())) as port:
        error = await called(port)
    assert isinstance(error, TryLater)
    assert error.after_seconds == waited


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_takes_no_secret_elsewhere(status: int) -> None:
    elsewhere: list[bytes] = []
    async with service(says(OK, b"\r\n"), elsewhere) as other:
        location = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{other}/{SECRET}\r\n\r\n"
        async with service(says(location.encode())) as port:
            error = await called(port)
    assert type(error) is ReceiverRefused
    assert elsewhere == []


async def test_proxy_of_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    proxied: list[bytes] = []
    async with service(says(OK, b"\r\n"), proxied) as proxy, service(says(OK, b"\r\n")) as port:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        assert isinstance(await called(port), Answer)
    assert proxied == []


async def test_service_without_tls_is_not_called_untrusted() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port := free_port()):
        error = await called(port, scheme="https")
    assert type(error) is TryLater
    assert "TLS failed" in str(error) or "reset" in str(error)


async def test_untrusted_certificate_is_called_so_and_tried_again(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port := free_port(), ssl=context):
        error = await called(port, scheme="https")
    assert type(error) is TryLater
    assert str(error).startswith("its certificate is not trusted (self-signed certificate")


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_apprise_says_yes_or_no_and_sends_once_what_takes_its_time() -> None:
    requests: list[bytes] = []
    answers = [b"HTTP/1.1 200 OK", b"HTTP/1.1 403 No", b"HTTP/1.1 200 OK"]
    slow = asyncio.Event()

    async def answering(writer: asyncio.StreamWriter) -> None:
        if len(requests) == 3:
            await slow.wait()
        writer.write(answers[len(requests) - 1] + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with service(answering, requests) as port:
        # Apprise itself would wait for no more than four seconds.
        url = f"json://127.0.0.1:{port}/{SECRET}?rto={PATIENCE}&cto={PATIENCE}"
        apprise = await asyncio.to_thread(AppriseService, url, timeout_seconds=PATIENCE)
        await apprise.post(Words("1", "failure", "🔥 <b>first</b>", "é"))
        with pytest.raises(TryLater) as refused:
            await apprise.post(Words("2", "failure", "second", "body"))
        assert refused.value.unexplained
        assert SECRET not in str(refused.value)
        apprise._timeout = 0.05
        with pytest.raises(TryLater, match="no answer in time"):
            await apprise.post(Words("3", "failure", "third", "body"))
        apprise._timeout = PATIENCE
        slow.set()
        await apprise.post(Words("3", "failure", "third", "body"))
    assert len(requests) == 3
