"""Whatever a site file holds, it is a site or a list of errors, and a secret in it is never told."""

import os
import string
from io import StringIO
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hune.site.detect import ThisHost
from hune.site.draft import quote
from hune.site.load import load_text
from hune.site.models import Site
from hune.site.problems import SiteErrors
from hune.site.tree import Fatal, decode, parse, resolve

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))
HOST = ThisHost(name="watch", kind="linux")
SECRET = "https://discord.com/api/webhooks/11223344/s3cr3t-t0ken-That-Nobody-May-Read"

EXAMPLES_TRIED = 3000 if os.environ.get("HUNE_TEST_LONG") else 150
common = settings(max_examples=EXAMPLES_TRIED, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def attempt(data: bytes) -> Site | SiteErrors:
    """Return what a file of these bytes gives; any other exception fails the test."""
    try:
        return load_text(decode(data, "site.yaml"), "site.yaml", HOST)
    except Fatal as fatal:
        return SiteErrors([fatal.problem])
    except SiteErrors as errors:
        return errors


def hold(result: Site | SiteErrors) -> None:
    """Check what holds for either outcome."""
    if isinstance(result, Site):
        assert Site.model_validate_json(result.model_dump_json()) == result
        return
    assert result.problems
    for problem in result.problems:
        line = str(problem)
        assert line.isprintable()
        assert line.startswith("site.yaml:")
        assert problem.what
        assert problem.remedy
        line.encode()


@common
@given(st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    hold(attempt(data))


@common
@given(st.text(alphabet=st.sampled_from(string.printable + "äß€\u2028\x85\ufeff"), max_size=200))
def test_random_text(text: str) -> None:
    hold(attempt(text.encode()))


@common
@given(
    st.lists(
        st.sampled_from([*"-:?[]{},&*!|>'\"%@`# \n\t", "\n  ", "- ", ": ", "a", "name", "nodes", "\\x"]), max_size=60
    )
)
def test_random_punctuation(pieces: list[str]) -> None:
    hold(attempt("".join(pieces).encode()))


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["10G", "icmp", "tcp:22", "10.0.0.1", "pve-01", "env:X", "proxmox", "15d", "http://a/", 70, 9100])
)
KEYS = sorted(
    {key for model in Site.model_json_schema()["$defs"].values() for key in model.get("properties", {})}
    | set(Site.model_fields)
)
structures = st.recursive(
    scalars,
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), children, max_size=5)
    ),
    max_leaves=20,
)


@common
@given(st.dictionaries(st.sampled_from(sorted(Site.model_fields)), structures, max_size=6))
def test_random_structures_under_known_keys(content: dict[str, Any]) -> None:
    text = StringIO()
    YAML(typ="safe", pure=True).dump(content, text)
    hold(attempt(text.getvalue().encode(errors="surrogatepass")))


@st.composite
def mutated_examples(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(EXAMPLES)).read_bytes())
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        end = min(len(data), at + draw(st.integers(0, 12)))
        data[at:end] = draw(
            st.binary(max_size=4)
            | st.sampled_from(
                [b"\n", b"  ", b"\t", b"- ", b": ", b"{", b"]", b"~", b"*a", b"&a ", b"!x ", b"0x", b"-1", b"'"]
            )
        )
    return bytes(data)


@common
@given(mutated_examples())
def test_mutated_examples(data: bytes) -> None:
    hold(attempt(data))


places_of_secrets = st.sampled_from(
    [
        "receivers:\n  - name: d\n    discord:\n      webhook: {}\n",
        "receivers:\n  - name: d\n    discord: {}\n",
        "receivers:\n  - name: d\n    discord: [{}]\n",
        "receivers:\n  - name: d\n    discord:\n      url: {}\n",
        "receivers:\n  - name: d\n    discord:\n      ? {}\n      : x\n",
        "receivers:\n  - {}\n",
        "receivers: {}\n",
        "routes: [{{receivers: [{}]}}]\n",
        "engines: {{victoriametrics: {{url: {}}}}}\n",
        "nodes: [{{name: a, address: {}}}]\n",
        "language: {}\n",
        "name: {}\n",
        "{}\n",
        "a: &a {}\nb: *c\n",
        "webhook: {}\nwebhook: {}\n",
        "name: x\n {}\n",
        "name: '{}\n",
        "proxmox:\n  - name: c\n    nodes: [a]\n    token: {{id: a@b!c, secret: {}}}\n",
        "proxmox:\n  - name: c\n    nodes: [a]\n    token: {{id: 'a@b!c={}', secret: env:X}}\n",
        "proxmox:\n  - name: c\n    nodes: [a]\n    token: {}\n",
        "proxmox:\n  - name: c\n    nodes: [a]\n    token: {{{}: x}}\n",
    ]
)


@common
@given(places_of_secrets, st.sampled_from(["{}", "'{}'", '"{}"', "!{}", "&{} x", "*{}", "|\n          {}"]))
def test_a_secret_pasted_anywhere_is_never_told(place: str, style: str) -> None:
    for secret in (SECRET, "6f1c0c1e-8c6d-4e7e-9a53-0123456789ab"):
        written = style.format(secret)
        result = attempt(place.format(written, written).encode())
        if isinstance(result, SiteErrors):
            told = str(result) + repr(result) + "".join(map(repr, result.problems))
            assert secret not in told
            assert secret.rpartition("/")[2] not in told


@common
@given(
    st.text(alphabet=string.printable, max_size=30)
    | st.sampled_from(["on", "no", "0x1f", "1e3", "12:30", "~", "null", "2024-01-01", "", ".5", "a: b"])
)
def test_what_is_quoted_is_read_back_as_the_same_text(text: str) -> None:
    try:
        decode(text.encode(), "x")
    except (Fatal, UnicodeEncodeError):
        return
    tree, problems = parse(f"key: {quote(text)}\n", "x")
    if not problems:
        assert tree is not None
        assert tree.plain() == {"key": text}


@common
@given(st.text(alphabet="0123456789abcdefox+-.:_eEnNyYtTrRuU~", max_size=12))
def test_plain_scalars_mean_what_yaml_1_2_says(text: str) -> None:
    value = resolve(text)
    if isinstance(value, str):
        assert "\0" in value or value == text
    elif isinstance(value, bool):
        assert text.lower() in ("true", "false")
    elif value is None:
        assert text in ("", "~", "null", "Null", "NULL")
