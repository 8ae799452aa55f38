"""A browser, and pages to look at: states of a site are played, looked at, and kept as pictures."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from support.browsing import PATIENCE_MS, WIDE, launched
from support.nester_place import PUBLIC, Place, open_session
from support.nester_server import NesterServer, nester_server


@pytest.fixture(scope="module", autouse=True)
def _patient_pages() -> Iterator[None]:
    """Let the pages wait for whom they ask until the answer is there: on a busy machine it may take longer than theirs.

    Who is silent in these tests says so at once.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hune.nester.history._PATIENCE_SECONDS", 60.0)
        patch.setattr("hune.nester.hub.dossiers._PATIENCE_SECONDS", 60.0)
        patch.setattr("hune.nester.poll.PATIENCE_SECONDS", 60.0)
        patch.setattr("hune.nester.proxmox.asking._PATIENCE_SECONDS", 60.0)
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NesterServer]:
    with nester_server(tmp_path) as running:
        yield running


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Everything the browser complained about: errors of scripts, refusals of the content policy, missing files."""
    heard: list[str] = []
    yield heard
    assert heard == []


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: NesterServer, complaints: list[str]) -> Iterator[OpenPage]:
    """Return a function that opens a page in a browser of its own: size, language, theme."""
    contexts: list[BrowserContext] = []

    def opened(
        path: str = "/",
        *,
        size: tuple[int, int] = WIDE,
        language: str = "en-GB",
        theme: str = "light",
        scripts: bool = True,
        context: BrowserContext | None = None,
    ) -> Page:
        if context is None:
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                locale=language,
                color_scheme="dark" if theme == "dark" else "light",
                java_script_enabled=scripts,
                reduced_motion="reduce",
            )
            context.set_default_timeout(PATIENCE_MS)
            contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.extend(_complaint(message)))
        page.on("pageerror", lambda error: complaints.append(f"{path}: {error}"))
        page.goto(server.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()


def _complaint(message: ConsoleMessage) -> list[str]:
    # A page that isn't there, and servers that are silent on purpose, are seen by the browser too.
    wanted = (
        "404 (Not Found)" in message.text or "503 (Service Unavailable)" in message.text or "net::ERR_" in message.text
    )
    return [] if message.type not in ("error", "warning") or wanted else [message.text]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NesterServer]:
    with nester_server(tmp_path_factory.mktemp("acting"), public_url=f"{PUBLIC}/") as running:
        yield running


@pytest.fixture
async def place(shared: NesterServer) -> AsyncIterator[Place]:
    """The server of all these tests, over a hub that knows two new alerts and nothing else."""
    shared.engines.forget()
    shared.engines.heat("pve-02", 78)
    shared.engines.unplug("pve-01", "enp1s0f1")
    shared.clock.leap()
    async with open_session() as session:
        yield Place(shared.engines, session, shared.url)
