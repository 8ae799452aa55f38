"""Dependencies are locked to what is declared, from nowhere in particular, and each has its reason written down."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PYPROJECT["dependency-groups"]
BUILD = [Requirement(line) for line in GROUPS["build"]]
PEERS = [Requirement(line) for line in GROUPS["peers"]]
DEVELOPMENT = [Requirement(line) for line in GROUPS["dev"] if isinstance(line, str)]
RUNTIME = [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]
LOCKS = {
    "requirements.lock": RUNTIME,
    "requirements-build.lock": BUILD,
    "requirements-dev.lock": RUNTIME + BUILD + DEVELOPMENT,
    "requirements-peers.lock": PEERS,
}


def locked(name: str) -> dict[str, str]:
    """Return what a lock file pins: canonical name → version."""
    pins = re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pins}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_a_fitting_version_of_everything_declared(name: str) -> None:
    pins = locked(name)
    unfit = [
        str(requirement)
        for requirement in LOCKS[name]
        if not requirement.specifier.contains(pins.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]
    assert unfit == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash(name: str) -> None:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock"])
def test_locks_agree_on_versions(name: str) -> None:
    assert locked(name).items() <= locked("requirements-dev.lock").items()


def test_npm_lock_holds_what_is_declared_with_hashes_and_no_address() -> None:
    declared = json.loads((ROOT / "web" / "package.json").read_text())
    packages = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    root = packages.pop("")
    assert {key: root[key] for key in ("dependencies", "devDependencies")} == {
        key: declared[key] for key in ("dependencies", "devDependencies")
    }
    assert [name for name, package in packages.items() if "integrity" not in package or "resolved" in package] == []


def test_every_dependency_has_its_reason_in_the_documentation() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    documented = {
        name for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for name in re.findall("`(.*?)`", row)
    }
    npm = json.loads((ROOT / "web" / "package.json").read_text())
    debian = re.findall(r"^  \[.*\]=(\S+)$", _text("engines.bash", "system_packages.bash"), re.MULTILINE)
    declared = {requirement.name for requirement in LOCKS["requirements-dev.lock"] + PEERS}
    declared |= {*npm["dependencies"], *npm["devDependencies"], *debian, "postgresql", "python3-pip-whl"}
    assert documented == declared


def _text(*names: str) -> str:
    return "".join((ROOT / "scripts" / "lib" / name).read_text() for name in names)
