"""Bundled files, runbooks, and the headers around them."""

import json
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from hune.core.errors import Unavailable
from hune.nester.assets import Assets
from hune.nester.guard import POLICY, Guard
from hune.nester.runbooks import Runbooks, render


def bundle(folder: Path) -> Path:
    (folder / "icons").mkdir()
    (folder / "app.AAAA.js").write_text("1")
    (folder / "icons" / "hune.BBBB.svg").write_text("<svg/>")
    (folder / "manifest.json").write_text(
        json.dumps({"app.js": "app.AAAA.js", "icons/hune.svg": "icons/hune.BBBB.svg"})
    )
    return folder


def test_files_are_named_by_their_content(tmp_path: Path) -> None:
    assets = Assets.load(bundle(tmp_path))
    assert assets.url("app.js") == "/static/app.AAAA.js"
    assert assets.url("icons/hune.svg") == "/static/icons/hune.BBBB.svg"


def test_other_files_are_another_build(tmp_path: Path) -> None:
    one = Assets({"app.js": "app.AAAA.js"}, {}).build
    assert one != Assets({"app.js": "app.CCCC.js"}, {}).build


def test_pages_that_were_never_bundled_say_how(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"run: python web/build_hook\.py"):
        Assets.load(tmp_path)


def test_runbooks_are_found_however_their_name_is_written() -> None:
    runbooks = Runbooks({"cpu-hot": "# CPU too hot\n\nText", "LinkDown": "# Link down"})
    assert runbooks.names() == ["cpu-hot", "LinkDown"]
    for name in ("CpuHot", "cpu-hot", "cpu_hot"):
        assert name in runbooks
        found = runbooks.get(name)
        assert found is not None
        assert found.title == "CPU too hot"
    assert runbooks.get("../../etc/passwd") is None
    assert "NoSuch" not in runbooks


def test_runbooks_lead_to_each_other_and_hold_no_html() -> None:
    html = render("a", "# A\n\n[b](LinkDown.md#now) [c](./CpuHot.md) <script>x</script>\n\n| a |\n|---|\n| 1 |\n").html
    assert 'href="/runbooks/LinkDown#now"' in html
    assert 'href="/runbooks/CpuHot"' in html
    assert "<script>" not in html
    assert "<table>" in html


def test_without_a_folder_there_are_no_runbooks(tmp_path: Path) -> None:
    assert Runbooks.load([tmp_path / "missing"]).names() == []


def test_folder_is_read_without_its_readme(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# About")
    (tmp_path / "NodeDown.md").write_text("# Node down")
    assert Runbooks.load([tmp_path / "missing", tmp_path]).names() == ["NodeDown"]


async def headers_of(*given: tuple[bytes, bytes]) -> dict[bytes, bytes]:
    sent: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(given)})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is received")

    await Guard(app)({"type": "http"}, receive, send)
    return dict(sent[0]["headers"])


async def test_every_answer_is_guarded_and_not_kept() -> None:
    headers = await headers_of()
    assert headers[b"content-security-policy"] == POLICY.encode()
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert headers[b"cache-control"] == b"no-store"


async def test_what_may_be_kept_is_kept() -> None:
    headers = await headers_of((b"Cache-Control", b"public, immutable"))
    assert b"cache-control" not in headers
    assert headers[b"Cache-Control"] == b"public, immutable"


def test_policy_lets_nothing_inline_in() -> None:
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'")
