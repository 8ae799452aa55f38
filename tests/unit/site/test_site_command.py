"""`hune site`: what it prints, how it exits, what it writes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hune.cli.site import app
from hune.core.errors import InputError
from hune.site.problems import SiteErrors
from hune.site.schema import schema

pytestmark = pytest.mark.usefixtures("in_folder")


def run(*arguments: str, answers: str | None = None, **environ: str) -> Result:
    """Run a command in the current folder, with an empty data directory beside it."""
    given = {"HUNE_SITE": "", "DISCORD_WEBHOOK_URL": "", "HUNE_DATA_DIR": str(Path.cwd() / "data"), **environ}
    return CliRunner().invoke(app, arguments, input=answers, env=given)


def test_check_tells_what_is_watched_and_what_is_perhaps_not_meant() -> None:
    Path("site.yaml").write_text("this_host: false\nnodes: [{name: pve-01, address: 10.0.0.11}]\n")
    result = run("check")
    assert result.exit_code == 0
    assert "site.yaml is right: pve-01" in result.output
    assert "there are no receivers" in result.output


def test_check_raises_everything_that_is_wrong() -> None:
    Path("site.yaml").write_text("langauge: fr\nlisten: nowhere\n")
    result = run("check")
    assert isinstance(result.exception, SiteErrors)
    assert len(result.exception.problems) == 2


def test_check_takes_the_file_as_an_argument_too() -> None:
    Path("rack.yaml").write_text("this_host: false\nnodes: [{name: pve-01, address: 10.0.0.11}]\n")
    assert "rack.yaml is right: pve-01" in run("check", "rack.yaml").output
    twice = run("check", "rack.yaml", "--site", "rack.yaml")
    assert isinstance(twice.exception, InputError)


def test_check_as_json_tells_problems_one_by_one() -> None:
    Path("site.yaml").write_text("langauge: fr\n")
    result = run("check", "--json")
    assert result.exit_code == 2
    assert json.loads(result.output) == {
        "site": "site.yaml",
        "valid": False,
        "problems": [
            {
                "file": "site.yaml",
                "line": 1,
                "column": 1,
                "path": "langauge",
                "what": "unknown key",
                "remedy": "did you mean language?",
            }
        ],
    }


def test_check_reads_the_secrets_and_never_tells_them() -> None:
    Path("site.yaml").write_text(
        "receivers:\n  - name: d\n    discord: {webhook: env:HOOK}\n  - {name: e, console: true}\n"
        "routes: [{receivers: [e]}]\n"
    )
    result = run("check", HOOK="s3cr3t-but-no-url")
    assert isinstance(result.exception, SiteErrors)
    assert str(result.exception).startswith(
        "site.yaml:3:24: receivers[0].discord.webhook: env:HOOK: what it holds is not"
    )
    assert "s3cr3t" not in str(result.exception) + result.output
    result = run("check", "--json", HOOK="https://discord.example/s3cr3t")
    assert result.exit_code == 0
    assert json.loads(result.output)["valid"]
    assert json.loads(result.output)["notes"] == ["no route names d: nothing is sent there; add it under routes"]
    assert "s3cr3t" not in result.output


def test_check_lays_the_overlays_of_the_data_directory_over_the_site() -> None:
    Path("site.yaml").write_text("nodes: [{name: pve-01, address: 10.0.0.11}]\n")
    Path("data/overlays").mkdir(parents=True)
    Path("data/overlays/lab.yaml").write_text("nodes: [{name: pve-01, address: 127.0.1.11, lab: true}]\n")
    result = run("check")
    assert str(result.exception) == (
        "data/overlays/lab.yaml:1:16: nodes[1].name: the name 'pve-01' is taken at site.yaml:1:16; choose another name"
    )


def test_schema_is_printed_as_json() -> None:
    result = run("schema")
    assert json.loads(result.output) == schema()


def test_init_describes_this_machine_and_the_result_is_right() -> None:
    assert run("init", "--yes").exit_code == 0
    text = Path("site.yaml").read_text()
    assert text.startswith("# What Hune watches")
    assert run("check").exit_code == 0


def test_init_takes_the_webhook_of_the_environment_by_reference() -> None:
    run("init", "--yes", DISCORD_WEBHOOK_URL="https://discord.example/s3cr3t")
    text = Path("site.yaml").read_text()
    assert "webhook: env:DISCORD_WEBHOOK_URL" in text
    assert "s3cr3t" not in text
    assert run("check", DISCORD_WEBHOOK_URL="https://discord.example/s3cr3t").exit_code == 0


def test_init_never_overwrites_without_force() -> None:
    Path("site.yaml").write_text("mine")
    result = run("init", "--yes")
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == "site.yaml: exists; overwrite it with --force, or name another with --site"
    assert Path("site.yaml").read_text() == "mine"
    assert run("init", "--yes", "--force").exit_code == 0
    assert Path("site.yaml").read_text() != "mine"


def test_init_does_not_write_through_a_broken_link() -> None:
    Path("site.yaml").symlink_to("elsewhere.yaml")
    assert isinstance(run("init", "--yes").exception, InputError)


def test_init_without_a_terminal_says_how_to_go_on() -> None:
    result = run("init")
    assert isinstance(result.exception, InputError)
    assert "hune site init --yes" in str(result.exception)


def test_init_writes_where_it_is_told(tmp_path: Path) -> None:
    result = run("init", "--yes", "--json", "--site", str(tmp_path / "etc" / "home.yaml"))
    assert result.exit_code == 0
    assert json.loads(result.output)["site"] == "etc/home.yaml"
    assert (tmp_path / "etc" / "home.yaml").exists()


def test_init_asks_until_the_answers_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    from hune.cli import site_init
    from hune.site.detect import Port, ThisHost
    from hune.site.draft import channel_by_mail

    answers = iter(
        [
            *("my home", "homelab", "fr"),  # the name of the place with a space is refused
            *("y", "y"),  # this machine, and its port
            *("watch", "pve-01", "10.0.0.1:9", "10.0.0.11", "y", "enp1s0f0:fast", "enp1s0f0:10G enp1s0f1:10G"),
            *("pve-02", "10.0.0.12", "n", ""),  # the same ports as before
            *("", "0", "75"),
            *("email", "smtp.example:25", "smtp.example", "hune@home.example", "", "me at home", "me@home.example"),
        ]
    )
    monkeypatch.setattr(site_init.console, "input", lambda *_args, **_kwargs: next(answers))
    draft = site_init.ask(ThisHost("watch", "linux", ports=(Port("eno1", is_up=True, speed=10**9),)))
    assert next(answers, None) is None
    assert (draft.name, draft.language, draft.cpu_celsius, draft.this_host) == ("homelab", "fr", 75.0, True)
    assert draft.channel == channel_by_mail(
        "smtp.example", "hune@home.example", ["me@home.example"], "hune@home.example"
    )
    assert [(node.name, node.address, node.kind, len(node.links)) for node in draft.nodes] == [
        ("watch", "127.0.0.1", "linux", 1),
        ("pve-01", "10.0.0.11", "proxmox", 2),
        ("pve-02", "10.0.0.12", "linux", 2),
    ]


def test_check_warns_of_an_exporter_that_listens_elsewhere() -> None:
    Path("site.yaml").write_text("nodes: [{name: here, address: hune.lan, this_host: true}]\n")
    result = run("check", "--json")
    assert any("node here is this machine" in note for note in json.loads(result.output)["notes"])


def test_check_warns_of_doors_that_stand_open() -> None:
    Path("site.yaml").write_text("listen: 0.0.0.0\n")
    assert any("no sign-in" in note for note in json.loads(run("check", "--json").output)["notes"])


def test_discovery_without_a_way_to_ask_is_noted() -> None:
    cluster = "{name: home, nodes: [pve-01], discover: {nodes: {port: 9100}}}"
    Path("site.yaml").write_text(f"nodes: [{{name: pve-01, address: 192.0.2.11}}]\nproxmox: [{cluster}]\n")
    notes = json.loads(run("check", "--json").output)["notes"]
    assert any("nothing is discovered of the cluster home" in note for note in notes)
