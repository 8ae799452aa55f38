"""`hune pve check` against a Proxmox API, and against nodes that misbehave."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hune.cli.pve import app
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.readiness import Readiness, examine, judge
from hune.core.clock import SystemClock
from hune.core.errors import InputError
from hune.pve.access import Access, Trust
from support.certificates import Certificates
from support.fakepve_server import FakePve, fakepve
from support.hostile_pve import HostilePve
from support.pve_schema import problems
from support.pve_stand import PATIENT, TOKEN

AUDITOR = ["Sys.Audit", "VM.Audit", "Datastore.Audit", "Pool.Audit", "SDN.Audit"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[FakePve]:
    with fakepve(
        {
            "name": "homelab",
            "nodes": {"pve-01": True},
            "tokens": {"hune@pve!audit": "s3cr3t", "half@pve!m": "h4lf"},
            "users": {"hune@pve": "p4ssw0rd"},
            "grants": [
                ["hune@pve!audit", "/", AUDITOR],
                ["hune@pve", "/", AUDITOR],
                ["half@pve!m", "/vms", ["VM.Audit"]],
            ],
        }
    ) as pve:
        yield pve


def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pve: FakePve, *arguments: str, **settings: Any) -> Result:
    """Run the command for a site with this one cluster."""
    monkeypatch.setenv("SECRET", settings.pop("secret", "s3cr3t"))
    described = {
        "name": "homelab",
        "nodes": ["pve-01"],
        "port": pve.port,
        "ca_file": pve.ca_file,
        "token": {"id": "hune@pve!audit", "secret": "env:SECRET"},
        **settings,
    }
    site = {
        "this_host": False,
        "nodes": [{"name": "pve-01", "address": pve.host, "kind": "proxmox"}],
        "proxmox": [{key: value for key, value in described.items() if value is not None}],
    }
    path = tmp_path / "site.yaml"
    path.write_text(json.dumps(site))
    command = ["check", "--site", str(path), "--data-dir", str(tmp_path / "data"), *arguments]
    return CliRunner().invoke(app, command)


def test_auditor_is_ready_and_told_what_it_would_take_to_see_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: FakePve
) -> None:
    done = check(tmp_path, monkeypatch, cluster)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "homelab (as hune@pve!audit): ready"
    assert f"pve-01 ({cluster.host}:{cluster.port}): Proxmox VE 9.0.10, answered in" in lines[1]
    assert "  ● /hune quorum: has Sys.Audit on /" in lines
    assert "  ▲ /hune updates: sees less without Sys.Modify on /nodes" in lines
    assert any(line.startswith("      pveum role add HuneMonitor --privs ") for line in lines)
    assert "■" not in done.output


def test_account_that_lacks_reading_is_told_and_given_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: FakePve
) -> None:
    token = {"id": "half@pve!m", "secret": "env:SECRET"}
    done = check(tmp_path, monkeypatch, cluster, "--json", token=token, secret="h4lf")
    assert done.exit_code == 1
    (told,) = json.loads(done.output)["clusters"]
    states = {finding["what"]: finding for finding in told["collectors"]}
    assert states["/hune quorum"]["state"] == "lacking"
    assert states["/hune quorum"]["detail"] == "lacks Sys.Audit on /"
    assert states["/pve config"]["state"] == "ok"
    assert told["commands"] == ["pveum acl modify / --users half@pve --tokens 'half@pve!m' --roles PVEAuditor"]
    assert told["ready"] is False


def test_login_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: FakePve) -> None:
    login = {"user": "hune@pve", "password": "env:SECRET"}
    done = check(tmp_path, monkeypatch, cluster, token=None, login=login, secret="p4ssw0rd")
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "homelab (as hune@pve): ready")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"secret": "wr0ng"}, "hune@pve!audit is not let in: authentication failure"),
        ({"port": 1}, "connection refused"),
        ({"ca_file": None}, "its certificate is not trusted (self-signed certificate); its fingerprint is "),
        ({"ca_file": None, "fingerprint": ":".join(["AB"] * 32)}, "its certificate has the fingerprint "),
    ],
)
def test_what_keeps_it_out_is_one_line(
    settings: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: FakePve
) -> None:
    done = check(tmp_path, monkeypatch, cluster, **settings)
    assert done.exit_code == 1
    assert told in done.output
    assert done.output.count("■") == 1
    assert "  ? collectors: no endpoint could be asked" in done.output.splitlines()
    assert "wr0ng" not in done.output


def test_fingerprint_that_it_tells_is_the_one_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: FakePve
) -> None:
    refused = check(tmp_path, monkeypatch, cluster, ca_file=None)
    fingerprint = refused.output.partition("its fingerprint is ")[2].split()[0]
    assert check(tmp_path, monkeypatch, cluster, ca_file=None, fingerprint=fingerprint).exit_code == 0


def test_unknown_cluster_and_cluster_without_credentials_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: FakePve
) -> None:
    wrong = check(tmp_path, monkeypatch, cluster, "homelap").exception
    assert isinstance(wrong, InputError)
    assert str(wrong) == "homelap: no such cluster; did you mean homelab?"
    nothing = check(tmp_path, monkeypatch, cluster, token=None).exception
    assert isinstance(nothing, InputError)
    assert "proxmox cluster homelab: nothing to ask with; give it a token" in str(nothing)


async def nothing(_collection: Collection) -> None:
    """Collect nothing."""


PAGES = {"/hune": [Collector("quorum", "cluster", (), (Needs("Sys.Audit", "/"),), nothing)]}


async def test_each_node_is_asked_for_itself(nodes: list[HostilePve], certificates: Certificates) -> None:
    permissions = {"/": {"Sys.Audit": 1}}
    assert problems("/access/permissions", permissions) == []
    for node in nodes:
        node.answers["/access/permissions"] = permissions
    await nodes[1].stop()
    trust = Trust(ca_file=str(certificates.ca))
    access = Access("lab", tuple(node.endpoint for node in nodes), TOKEN, trust, PATIENT)
    found = await examine(access, PAGES, SystemClock())
    assert [finding.state for finding in found.endpoints] == ["ok", "lacking", "ok"]
    assert found.endpoints[1].detail == "connection refused"
    assert [finding.state for finding in found.collectors] == ["ok"]
    assert nodes[2].asked("/version") == 1
    assert certificates.leaf.fingerprint in found.endpoints[0].detail
    assert "valid for 100 days" in found.endpoints[0].detail


@pytest.mark.parametrize("answer", [[], "x", None, {"/": 1}])
async def test_permissions_that_make_no_sense_leave_it_open(
    answer: Any, nodes: list[HostilePve], certificates: Certificates
) -> None:
    nodes[0].answers["/access/permissions"] = answer
    access = Access("lab", (nodes[0].endpoint,), TOKEN, Trust(ca_file=str(certificates.ca)), PATIENT)
    found = await examine(access, PAGES, SystemClock())
    assert [finding.state for finding in found.collectors] == ["unknown"]
    assert found.commands == []
    assert not found.is_ready


def test_older_version_is_asked_for_its_own_privileges() -> None:
    found = Readiness("lab", "hune@pve")
    looks = Collector("agent", "cluster", (), (Needs("VM.GuestAgent.Audit", "/vms"),), nothing)
    judge(found, {"/hune": [looks]}, {"/": {"VM.Monitor": 1}}, major=8)
    assert found.collectors[0].state == "ok"
