"""Secrets are read by reference and never told."""

import logging
import os
from pathlib import Path

import pytest

from hune.core.errors import InputError
from hune.site.models import Site
from hune.site.problems import Position
from hune.site.references import MAX_SECRET_BYTES, resolve
from hune.site.secrets import check_all

HOOK = "https://discord.com/api/webhooks/1/s3cr3t"


def site_with(ref: str) -> Site:
    return Site.model_validate({"receivers": [{"name": "d", "discord": {"webhook": ref}}]})


def test_environment_gives_a_secret_without_its_last_newline() -> None:
    assert resolve("env:HOOK", {"HOOK": f"{HOOK}\n"}) == HOOK
    assert resolve("env:HOOK", {"HOOK": " a b "}) == " a b "


@pytest.mark.parametrize("content", [HOOK, f"{HOOK}\n", f"{HOOK}\r\n", f"\ufeff{HOOK}\n"])
def test_file_gives_a_secret_without_its_last_newline(content: str, tmp_path: Path) -> None:
    path = tmp_path / "hook"
    path.write_bytes(content.encode())
    path.chmod(0o600)
    assert resolve(f"file:{path}", {}) == HOOK


def test_file_that_everybody_can_read_is_used_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "hook"
    path.write_text(HOOK)
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert resolve(f"file:{path}", {}) == HOOK
    assert "chmod 600" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_what_cannot_be_resolved_is_told_by_its_reference(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    told = {
        "env:GONE": "env:GONE: not set; set the environment variable GONE where Hune is started",
        "env:EMPTY": "env:EMPTY: empty; put the secret in it",
        f"file:{tmp_path}/gone": f"file:{tmp_path}/gone: no such file; create it with the secret in it, mode 600",
        f"file:{tmp_path}": f"file:{tmp_path}: not a regular file; name the file that holds the secret",
        f"file:{tmp_path}/empty": f"file:{tmp_path}/empty: empty; put the secret in it",
        f"file:{tmp_path}/binary": f"file:{tmp_path}/binary: not UTF-8 text; save the secret as plain text",
        f"file:{tmp_path}/large": (
            f"file:{tmp_path}/large: too large for a secret; name the file that holds the secret"
        ),
    }
    for ref, line in told.items():
        with pytest.raises(InputError) as caught:
            resolve(ref, {"EMPTY": "  "})
        assert str(caught.value) == line


def test_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        resolve(f"file:{tmp_path}/pipe", {})


def test_value_in_place_of_a_reference_is_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        resolve(HOOK, {})
    assert "s3cr3t" not in str(caught.value)


def test_check_finds_nothing_wrong_with_usable_secrets() -> None:
    assert check_all(site_with("env:HOOK"), {"HOOK": HOOK}) == []


def test_check_tells_each_unusable_secret_with_its_place() -> None:
    site = Site.model_validate(
        {
            "receivers": [{"name": "d", "discord": {"webhook": "env:HOOK"}}],
            "nodes": [{"name": "a", "address": "a"}],
            "proxmox": [{"name": "c", "nodes": ["a"], "token": {"id": "u@pve!t", "secret": "env:TOKEN"}}],
        }
    )
    problems = check_all(site, {}, lambda _location: Position("site.yaml", 4, 16))
    assert [str(problem).partition(";")[0] for problem in problems] == [
        "site.yaml:4:16: proxmox[0].token.secret: env:TOKEN: not set",
        "site.yaml:4:16: receivers[0].discord.webhook: env:HOOK: not set",
    ]
    assert str(check_all(site, {})[0]).startswith("proxmox[0].token.secret: env:TOKEN")


@pytest.mark.parametrize("value", ["s3cr3t", "discord.com/api/s3cr3t", "https://", "https://a b/s3cr3t", f" {HOOK}"])
def test_webhook_that_is_no_url_is_told_without_it(value: str) -> None:
    (problem,) = check_all(site_with("env:HOOK"), {"HOOK": value})
    assert str(problem) == (
        "receivers[0].discord.webhook: env:HOOK: what it holds is not an http(s) URL; put the URL alone in it: https://…"
    )
