"""The catalogues hold what the pages say, and nothing else."""

import re
from pathlib import Path

import hune.nester
from hune.nester.language import language

ROOT = Path(hune.nester.__file__).parent
WEB = ROOT.parents[2] / "web" / "src"
TEXTS = language("en").texts

# Keys that are put together while running: `state.` and a state.
FAMILIES = (
    "act.",
    "alert.",
    "alert_brief.",
    "alert_brief_plain.",
    "alert_limit.",
    "alert_plain.",
    "banner.",
    "chart.",
    "count.",
    "date.",
    "done.",
    "error.",
    "event.",
    "keys.",
    "kind.",
    "language.",
    "node.range_",
    "page.",
    "pve.aspect",
    "pve.brief.",
    "pve.ceph.",
    "pve.col.",
    "pve.fact.",
    "pve.guest.",
    "pve.guest_kind.",
    "pve.objects.",
    "pve.problem.",
    "pve.reason.",
    "pve.show.",
    "pve.status.",
    "pve.subscription.",
    "pve.table.",
    "pve.verdict.",
    "sections.",
    "severity.",
    "state.",
    "stat.",
    "term.",
    "theme.",
    "told.",
    "unit.",
    "upkeep.",
    "verdict.",
    "wall.",
)


def sources() -> str:
    paths = [*ROOT.rglob("*.py"), *ROOT.rglob("*.html"), *WEB.rglob("*.ts")]
    return "\n".join(path.read_text() for path in paths if "static" not in path.parts)


def named_keys() -> set[str]:
    found = re.findall(r"""\b(?:t|scene\.t|say)\(\s*["']([a-z_0-9]+\.[A-Za-z_0-9.]+)["']\s*[,)]""", sources())
    assert found
    return set(found)


def test_every_key_that_is_named_exists() -> None:
    known = set(TEXTS) | {key.rpartition(".")[0] for key in TEXTS if key.endswith((".one", ".other"))}
    assert named_keys() - known == set()


def test_every_sentence_is_said_somewhere() -> None:
    said = sources()
    unsaid = [key for key in TEXTS if not key.startswith(FAMILIES) and re.sub(r"\.(one|other)$", "", key) not in said]
    assert unsaid == []


def test_scripts_hold_no_words_of_their_own() -> None:
    for path in WEB.rglob("*.ts"):
        code = re.sub(r"//.*|/\*.*?\*/", "", path.read_text())
        spoken = re.findall(r"""(?:textContent|title|placeholder|ariaLabel) = ["'`]([A-Za-z]{2}[^"'`]*)""", code)
        assert spoken == [], path.name
