"""The real Compose takes what is rendered, and understands it as it was meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from hune.deploy.compose import Image, render
from hune.deploy.rendering import write
from hune.site.models import Site
from support.sites import ELSEWHERE, EXAMPLES, ODD, example, site_of
from support.tools import accept, run

SITES = {path.stem: example(path) for path in EXAMPLES} | {"odd": site_of(ODD), "elsewhere": site_of(ELSEWHERE)}
SECRETS = {
    **dict.fromkeys(
        ("DISCORD_WEBHOOK_URL", "DISCORD_OPERATIONS", "TEAMS_OFFICE", "SMTP_PASSWORD", "OTHER_WEBHOOK"),
        "https://example.com/webhook",
    ),
    "PVE_SECRET": "a token's secret",
    "DATABASE_URL": "postgresql://hune:secret@192.0.2.5/hune",
}


def understood(folder: Path) -> dict[str, Any]:
    """Return the project as Compose has read it."""
    text = accept("docker-compose", "config", "--format", "json", cwd=folder, environ=SECRETS)
    project = json.loads(text)
    assert isinstance(project, dict)
    return project


@pytest.mark.parametrize("site", SITES.values(), ids=SITES.keys())
def test_every_site_is_taken_without_a_warning(site: Site, tmp_path: Path) -> None:
    write(render(site, Image(build_context="../..")), tmp_path)
    assert accept("docker-compose", "config", "--quiet", cwd=tmp_path, environ=SECRETS) == ""


@pytest.mark.parametrize("site", SITES.values(), ids=SITES.keys())
def test_nothing_is_published_beyond_loopback(site: Site, tmp_path: Path) -> None:
    write(render(site, Image()), tmp_path)
    for name, service in understood(tmp_path)["services"].items():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name


def test_strange_characters_arrive_as_they_were(tmp_path: Path) -> None:
    write(render(site_of(ODD), Image()), tmp_path)
    project = understood(tmp_path)
    command = project["services"]["node-exporter"]["command"]
    # Compose prints what it could read again: a dollar is doubled in what it prints, too.
    assert "--collector.netclass.ignored-devices=^(veth|tap$$|lo$$)" in command
    secrets = {each["file"] for name, each in project["secrets"].items() if name != "grafana_admin_password"}
    assert secrets == {"/etc/hune/chat $$1.txt", "/etc/hune/data base $$1"}


def test_missing_variable_is_named(tmp_path: Path) -> None:
    write(render(site_of(ODD), Image()), tmp_path)
    done = run("docker-compose", "config", "--quiet", cwd=tmp_path)
    assert done.returncode != 0
    assert any(name in done.stderr for name in ("OTHER_WEBHOOK", "PVE_SECRET"))


def test_network_can_be_moved(tmp_path: Path) -> None:
    write(render(site_of("name: a"), Image()), tmp_path)
    (tmp_path / ".env").write_text("HUNE_SUBNET=10.99.0.0/24\nHUNE_GATEWAY=10.99.0.1\n")
    project = understood(tmp_path)
    assert project["networks"]["default"]["ipam"]["config"] == [{"subnet": "10.99.0.0/24", "gateway": "10.99.0.1"}]
    assert "--web.listen-address=10.99.0.1:9100" in project["services"]["node-exporter"]["command"]
    assert project["services"]["prometheus"]["extra_hosts"] == ["node-exporter=10.99.0.1"]
