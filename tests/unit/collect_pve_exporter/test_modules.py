"""Upstream's configuration file and environment: what they mean, and one clear line for what they don't."""

from __future__ import annotations

from pathlib import Path

import pytest

from hune.collect.pve.modules import BadTarget, from_environment, from_file, split_target
from hune.core.errors import InputError
from hune.pve.access import Endpoint, Login, Token, Trust
from support.certificates import make_certificates


def written(folder: Path, text: str) -> Path:
    path = folder / "pve.yml"
    path.write_text(text)
    return path


def test_tokens_passwords_and_several_modules(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "default:\n  user: prometheus@pve\n  token_name: exporter\n  token_value: 'abc'\n"
        "other: {user: root@pam, password: 12345, verify_ssl: no, port: 18006, timeout: 20}\n",
    )
    modules = from_file(path, {})
    assert modules["default"].credentials == Token("prometheus@pve!exporter", "abc")
    assert modules["default"].trust == Trust()
    other = modules["other"]
    assert (other.credentials, other.trust) == (Login("root@pam", "12345"), Trust(verify=False))
    assert other.limits.timeout_seconds == 20
    assert other.access("pve.example").endpoints == (Endpoint("pve.example", 18006),)


def test_the_file_is_yaml_as_its_own_program_reads_it(tmp_path: Path) -> None:
    for word, verify in (("no", False), ("off", False), ("False", False), ("yes", True), ("true", True)):
        path = written(tmp_path, f"default: {{user: a@pam, password: b, verify_ssl: {word}}}")
        assert from_file(path, {})["default"].trust.verify is verify


def test_an_authority_may_be_named_as_that_program_lets_it(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    path = written(tmp_path, f"default: {{user: a@pam, password: b, verify_ssl: {authority}}}")
    assert from_file(path, {})["default"].trust == Trust(ca_file=str(authority))
    path = written(tmp_path, "default: {user: a@pam, password: b}")
    assert from_file(path, {"REQUESTS_CA_BUNDLE": "/ca"})["default"].trust == Trust(ca_file="/ca")


def test_a_certificate_of_the_clients_own_is_shown(tmp_path: Path) -> None:
    leaf = make_certificates(tmp_path, ("client",)).leaf
    key, certificate = leaf.key, leaf.certificate
    path = written(tmp_path, f"a: {{user: a@pam, password: b, verify_ssl: no, cert: [{certificate}, {key}]}}")
    trust = from_file(path, {})["a"].trust
    assert (trust.verify, trust.client_certificate, trust.client_key) == (False, str(certificate), str(key))
    with pytest.raises(InputError, match=r"a\.cert: no certificate"):
        from_file(written(tmp_path, f"a: {{user: a@pam, password: b, cert: {certificate}}}"), {})


def test_the_environment_makes_one_module() -> None:
    environ = {"PVE_USER": "a@pve", "PVE_TOKEN_NAME": "t", "PVE_TOKEN_VALUE": "v", "PVE_VERIFY_SSL": "False"}
    modules = from_environment(environ)
    assert list(modules) == ["default"]
    assert modules["default"].credentials == Token("a@pve!t", "v")
    assert modules["default"].trust == Trust(verify=False)
    assert list(from_environment({"PVE_USER": "a@pve", "PVE_PASSWORD": "b", "PVE_MODULE": "m"})) == ["m"]


def test_everything_that_is_wrong_is_told_and_no_value_of_it(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "a: {user: root, password: hunter2}\nb: {user: r@pam, token_name: t}\nc: text\n"
        "d: {user: r@pam, password: hunter2, otp: hunter2, colour: hunter2, port: hunter2, verify_ssl: [hunter2]}\n"
        "e: {password: hunter2, token_value: {x: hunter2}}\n",
    )
    with pytest.raises(InputError) as caught:
        from_file(path, {})
    told = str(caught.value).splitlines()
    assert [line.removeprefix(f"{path}: ").partition(": ")[0] for line in told] == [
        "a.user",
        "b.token_value",
        "c",
        "d.otp",
        "d.colour",
        "d.verify_ssl",
        "d.port",
        "e.token_value",
        "e.user",
    ]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "just text", "default: {user: 'a", "a: !!python/object:os.system {}", "a: &a [*a]"]
)
def test_what_is_no_configuration_is_told_in_a_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        from_file(written(tmp_path, text), {})
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path / "pve.yml") in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        from_file(tmp_path / "pve.yml", {})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("pve", ("pve", 0)),
        ("pve.example:18006", ("pve.example", 18006)),
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("[2001:db8::1]", ("2001:db8::1", 0)),
        ("[2001:db8::1]:8007", ("2001:db8::1", 8007)),
        ("fe80::1%eth0", ("fe80::1%eth0", 0)),
    ],
)
def test_targets_are_hosts_with_or_without_a_port(text: str, meant: tuple[str, int]) -> None:
    assert split_target(text) == meant


@pytest.mark.parametrize(
    "text", ["", "a/b", "user@host", "host?x", "a b", "host:99999", "ho\nst", "http://host", "-x", "[::1]x", ":8006"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(BadTarget):
        split_target(text)
