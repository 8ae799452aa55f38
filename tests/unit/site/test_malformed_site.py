"""Each way in which a site file can be wrong, and the very words a person reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hune.site.detect import ThisHost
from hune.site.load import load
from hune.site.models import Site
from hune.site.problems import SiteErrors


def _cases() -> Iterator[tuple[str, str | bytes, list[str]]]:
    """Yield name, text and expected lines of each case in `malformed.txt`, then those that text can't hold."""
    content = Path(__file__).with_name("malformed.txt").read_text(encoding="utf-8")
    for case in content.split("\n### ")[1:]:
        name, _, rest = case.partition("\n")
        text, _, told = rest.partition("#> ")
        lines = [line.removeprefix("#> ") for line in f"#> {told}".splitlines() if line.startswith("#> ")]
        yield name, text, lines
    yield from UNWRITABLE


# Each list repeats the one before ten times.
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
UNWRITABLE: list[tuple[str, str | bytes, list[str]]] = [
    ("empty file", "", ["1:1: empty; write one with: hune site init --force"]),
    ("not UTF-8", b"name: home\nlanguage: \xe9\n", ["2:11: not UTF-8 text; save the file as UTF-8"]),
    ("UTF-16", "name: x\n".encode("utf-16"), ["1:1: UTF-16 text; save the file as UTF-8"]),
    ("NUL byte", b"name: home\nlanguage: e\x00n\n", ["2:12: a NUL byte; remove it; is this a text file?"]),
    ("control", "name: a\x1bb\n", ["1:8: the control character U+001B; remove it; is this a text file?"]),
    ("mark inside", "name: a\n\ufeffb: c\n", ["2:1: the control character U+FEFF; remove it; is this a text file?"]),
    ("billion laughs", LAUGHS, ["5:29: e[7]: aliases that repeat more than 100000 values; write out what is meant"]),
    (
        "long text many times",
        f"a: &a {'x' * 100_000}\nb: [{','.join(['*a'] * 1000)}]\n",
        ["2:194: b[63]: aliases that repeat more than 100000 values; write out what is meant"],
    ),
    (
        "nested brackets",
        "nodes: " + "[" * 100_000,
        ["1:39: more than 32 levels deep; a site file has a few levels: check the brackets"],
    ),
    ("larger than 4 MB", "#" * (4 << 20) + "\n", ["1:1: larger than 4 MB; give the right file"]),
    (
        "too many values",
        "name: [" + "1," * 110_000 + "]\n",
        ["1:199998: name[99995]: more than 100000 values; a site has far fewer; give the right file"],
    ),
    (
        "number of many digits",
        f"name: {'9' * 5000}\n",
        ["1:7: name: a number of more than 18 digits; give a smaller number, or put the text in quotes"],
    ),
]
CASES = {name: (text, told) for name, text, told in _cases()}


def test_at_least_thirty_kinds_of_malformed_files_are_tried() -> None:
    assert len(CASES) > 90


@pytest.mark.parametrize(("text", "told"), CASES.values(), ids=CASES.keys())
def test_malformed_file_gets_one_clear_line_per_fault(
    text: str | bytes, told: list[str], load_text: Callable[..., Site]
) -> None:
    with pytest.raises(SiteErrors) as caught:
        load_text(text)
    assert str(caught.value).splitlines() == [f"site.yaml:{line}" for line in told]
    assert caught.value.exit_code == 2


def test_every_fault_is_told_at_once_in_the_order_of_the_text(load_text: Callable[..., Site]) -> None:
    text = """\
langauge: fr
listen: nowhere
nodes:
  - name: pve-01
    adress: 10.0.0.1
    group: rak
  - name: PVE-01
    address: 10.0.0.2
    address: 10.0.0.3
groups: {rack: {thresholds: {cpu_celsius: hot}}}
routes: [{receivers: [nobody]}]
"""
    with pytest.raises(SiteErrors) as caught:
        load_text(text)
    assert [(problem.where.line, problem.path) for problem in caught.value.problems] == [
        (1, "langauge"),
        (2, "listen"),
        (4, "nodes[0].address"),
        (5, "nodes[0].adress"),
        (6, "nodes[0].group"),
        (7, "nodes[1].name"),
        (9, "nodes[1]"),
        (10, "groups.rack.thresholds.cpu_celsius"),
        (11, "routes[0].receivers[0]"),
    ]


def test_thousands_of_faults_are_told_up_to_a_bound(load_text: Callable[..., Site]) -> None:
    with pytest.raises(SiteErrors) as caught:
        load_text("".join(f"namw{number}: 1\n" for number in range(3000)))
    assert len(caught.value.problems) == 1001
    assert "2000 more errors" in str(caught.value)


def test_paths_that_are_no_readable_file(in_folder: Path, host: ThisHost) -> None:
    (in_folder / "folder").mkdir()
    (in_folder / "loop").symlink_to("loop")
    told = {
        "missing.yaml": "missing.yaml: no such file; write one with: hune site init",
        "folder": "folder: a directory; name the file in it",
        "loop": "loop: cannot be read: Too many levels of symbolic links; give a readable file",
        "a\0b": "a\0b: cannot be read: not a file name; give a readable file",
    }
    for name, line in told.items():
        with pytest.raises(SiteErrors) as caught:
            load(Path(name), environ={}, host=host)
        assert str(caught.value) == line


def test_file_that_this_user_may_not_read(host: ThisHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Root reads everything, so the refusal is the operating system's in name only.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SiteErrors, match=r"^site\.yaml: not readable by this user; change its mode"):
        load(Path("site.yaml"), environ={}, host=host)
