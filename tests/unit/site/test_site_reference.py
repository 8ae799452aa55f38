"""The schema, the page of settings and the examples say what the models say."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from hune.site.detect import ThisHost
from hune.site.draft import CHANNELS, Draft, DraftLink, DraftNode, channel_by_mail, channel_by_url, node_of, render
from hune.site.models import Site
from hune.site.schema import schema
from hune.site.shape import fields_of

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
PAGE = ROOT / "docs" / "site-file.md"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def read(text: str) -> Any:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_right(example: Path, load_text: Callable[..., Site]) -> None:
    assert load_text(example.read_text()).nodes
    assert list(VALIDATOR.iter_errors(read(example.read_text()))) == []


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_setting_has_a_description() -> None:
    assert [path for path, field in fields_of() if not field.description] == []
    definitions = [schema(), *schema()["$defs"].values()]
    for definition in definitions:
        for key, setting in definition.get("properties", {}).items():
            assert setting.get("description"), key


@pytest.mark.parametrize(
    "text",
    [
        "langauge: fr",
        "nodes: [{name: a}]",
        "nodes: [{name: a, address: b, links: [{device: eno1, speed: true}]}]",
        "receivers: [{name: d, discord: {webhook: 'https://discord.com/x'}}]",
        "thresholds: {cpu_celsius: 500}",
        "language: de",
    ],
)
def test_schema_refuses_what_the_models_refuse(text: str) -> None:
    assert list(VALIDATOR.iter_errors(read(text)))


def test_schema_takes_a_threshold_as_number_or_mapping() -> None:
    for threshold in ("70", "{limit: 70}", "{limit: 70, clear: 60}"):
        assert not list(VALIDATOR.iter_errors(read(f"thresholds: {{cpu_celsius: {threshold}}}")))


def test_every_setting_is_on_the_page_and_every_setting_of_the_page_exists() -> None:
    documented = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    existing = {on_page(path) for path, _ in fields_of()}
    assert sorted(documented) == sorted(existing)


def on_page(path: str) -> str:
    """Return how the page writes a setting: what is the same at several places stands there once."""
    path = re.sub(r"^(nodes\[\]|groups\.NAME)\.thresholds\.", "thresholds.", path)
    path = re.sub(r"^proxmox\[\]\.thresholds\.", "proxmox_thresholds.", path)
    path = path.replace("thresholds.chips.NAME.", "thresholds.cpu_celsius.")
    return re.sub(r"^engines\.\w+\.(port|path|url|version)$", r"engines.ENGINE.\1", path)


def test_every_example_of_the_page_is_right(load_text: Callable[..., Site]) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        load_text(block)


def test_draft_of_this_machine_is_right(host: ThisHost, load_text: Callable[..., Site]) -> None:
    text = render(Draft("home", nodes=[node_of(host)]))
    site = load_text(text)
    assert [(node.name, node.links) for node in site.nodes] == [("watch", [])]
    assert "{device: eno1, speed: 1G}" in text
    assert "eno2" not in text
    assert not list(VALIDATOR.iter_errors(read(text)))


def test_draft_of_a_cluster_is_right(host: ThisHost, load_text: Callable[..., Site]) -> None:
    ports = (DraftLink("enp1s0f0", "10G"), DraftLink("enp1s0f1"))
    nodes = [node_of(host, watched=["eno1"]), DraftNode("null", "fe80::1%eno1", "proxmox", ports)]
    text = render(Draft("007", "fr", 72.5, nodes, channel=channel_by_url("discord")))
    site = load_text(text)
    assert (site.name, site.language, site.thresholds_of(site.nodes[0]).cpu_celsius.limit) == ("007", "fr", 72.5)
    assert [(node.name, [link.device for link in node.links]) for node in site.nodes] == [
        ("watch", ["eno1"]),
        ("null", ["enp1s0f0", "enp1s0f1"]),
    ]
    assert site.routes[0].receivers == ["discord"]


@pytest.mark.parametrize("kind", CHANNELS)
def test_draft_with_any_channel_is_right(kind: str, host: ThisHost, load_text: Callable[..., Site]) -> None:
    by_mail = channel_by_mail("smtp.example", "hune@home.example", ["me@home.example"], "hune")
    channel = by_mail if kind == "email" else channel_by_url(kind)
    site = load_text(render(Draft("home", nodes=[node_of(host)], channel=channel)))
    assert [receiver.channel for receiver in site.receivers] == [kind]
    assert site.routes[0].receivers == [kind]


def test_draft_without_this_machine_leaves_it_out(load_text: Callable[..., Site]) -> None:
    text = render(Draft("home", nodes=[DraftNode("a", "10.0.0.1")], this_host=False))
    assert [node.name for node in load_text(text).nodes] == ["a"]


def test_what_is_commented_out_in_a_draft_is_right_too(host: ThisHost, load_text: Callable[..., Site]) -> None:
    text = render(Draft("home", nodes=[node_of(host)]))
    lines = [line for line in text.splitlines() if not re.match(r"#   hune|# [A-Z]", line)]
    uncommented = "\n".join(re.sub(r"^( *)# ?(?=[ a-z-])", r"\1", line) for line in lines)
    site = load_text(uncommented)
    assert [link.device for link in site.nodes[0].links] == ["eno1"]
    assert site.receivers
    assert site.probes
