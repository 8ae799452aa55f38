"""The modules of prometheus-pve-exporter: how to log in, from its configuration file or environment, unchanged."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hune.core.errors import HuneError, InputError
from hune.pve.access import Access, Endpoint, Limits, Login, Token, Trust

_ENVIRONMENT = {
    "PVE_USER": "user",
    "PVE_PASSWORD": "password",
    "PVE_TOKEN_NAME": "token_name",
    "PVE_TOKEN_VALUE": "token_value",
}
_ENVIRONMENT_OF = {option: name for name, option in _ENVIRONMENT.items()}
_KNOWN = (*_ENVIRONMENT.values(), "verify_ssl", "cert", "port", "timeout")
# What would change what is asked, or whom: better refused than left out.
_UNSUPPORTED = {
    "backend": "https",
    "service": "PVE",
    "mode": "json",
    "otp": None,
    "otptype": "totp",
    "path_prefix": None,
    "proxies": None,
}
_CONCURRENCY = 16
_TARGET = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})|[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9_.-]{1,16})?", re.ASCII)


class BadTarget(InputError):
    """What was given as `target` is no host."""


@dataclass(frozen=True)
class Module:
    """How to ask any host: one entry of the configuration."""

    name: str
    credentials: Token | Login
    trust: Trust
    limits: Limits
    port: int

    def access(self, target: str) -> Access:
        """Return how the host `target` (`host`, `host:port`, `[v6]:port`) is reached. Raises BadTarget."""
        host, port = split_target(target)
        endpoint = Endpoint(host, port or self.port)
        return Access(str(endpoint), (endpoint,), self.credentials, self.trust, self.limits)


def split_target(target: str) -> tuple[str, int]:
    """Return host and port of a target, the port 0 if it names none. Raises BadTarget."""
    match = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?|([^:]*):(\d{1,5})|(.*)", target, re.DOTALL)
    assert match
    host, port = match[1] or match[3] or match[5] or "", int(match[2] or match[4] or 0)
    if not _TARGET.fullmatch(host) or port > 65535:
        raise BadTarget(f"target {target!a:.80}: not a host", remedy="write a name or an address: 192.0.2.10")
    return host, port


def from_environment(environ: Mapping[str, str]) -> dict[str, Module]:
    """Return the one module that `PVE_USER` and its like describe. Raises InputError."""
    options: dict[str, Any] = {option: environ[name] for name, option in _ENVIRONMENT.items() if name in environ}
    if "PVE_VERIFY_SSL" in environ:
        options["verify_ssl"] = environ["PVE_VERIFY_SSL"].lower() not in ("false", "0")
    name = environ.get("PVE_MODULE", "default")
    problems: list[str] = []
    module = _module(name, options, environ, lambda option, text: problems.append(f"{_ENVIRONMENT_OF[option]}: {text}"))
    if module is None:
        raise InputError("\n".join(problems))
    return {name: module}


def from_file(path: Path, environ: Mapping[str, str]) -> dict[str, Module]:
    """Return the modules of a configuration file. Raises InputError with a line for everything that is wrong."""
    from hune.site import yaml_1_1  # only here: who serves a site has no use for it

    document = yaml_1_1.read(path)
    if not isinstance(document, dict) or not document:
        raise InputError(
            f"{path}: no modules in it", remedy="write one: default: {user: …, token_name: …, token_value: …}"
        )
    modules, problems = {}, []
    for name, options in document.items():

        def problem(option: str, text: str, name: object = name) -> None:
            problems.append(f"{path}: {name}.{option}: {text}")

        if not isinstance(options, dict) or not options:
            problems.append(f"{path}: {name}: not a mapping; give user, token_name and token_value")
        elif module := _module(str(name), options, environ, problem):
            modules[str(name)] = module
    if problems:
        raise InputError("\n".join(problems))
    return modules


def _module(name: str, options: Mapping[str, Any], environ: Mapping[str, str], problem: Any) -> Module | None:
    """Return a module, or None after telling what is wrong with its options; never their values."""
    wrong: list[tuple[str, str]] = []
    for option, given in options.items():
        if option in _UNSUPPORTED:
            if given is not None and given != _UNSUPPORTED[option]:
                wrong.append((option, "not supported; leave it out"))
        elif option not in _KNOWN:
            wrong.append((str(option), f"unknown; use {', '.join(_KNOWN)}"))
    texts = {}
    for option in _ENVIRONMENT.values():
        given = options.get(option)
        if given is not None and (isinstance(given, (dict, list)) or not str(given)):
            wrong.append((option, "not a text; put it in quotes"))
        texts[option] = "" if given is None else str(given)
    if not texts["user"]:
        wrong.append(("user", "missing; give name@realm"))
    elif "@" not in texts["user"]:
        wrong.append(("user", "without a realm; write name@pve or name@pam"))
    credentials: Token | Login | None = None
    if options.get("token_name") is not None:
        credentials = Token(f"{texts['user']}!{texts['token_name']}", texts["token_value"])
        if not texts["token_value"]:
            wrong.append(("token_value", "missing; give the token's secret"))
    elif options.get("password") is not None:
        credentials = Login(texts["user"], texts["password"])
    else:
        wrong.append(("password", "missing, and so is token_name; give either"))
    trust = _trust(options.get("verify_ssl"), environ, wrong)
    if options.get("cert") is not None:
        trust = _showing(options["cert"], trust, wrong)
    port = _number(options, "port", 8006, wrong, most=65535)
    seconds = _number(options, "timeout", 0, wrong, most=600)
    for option, text in wrong:
        problem(option, text)
    if wrong or credentials is None:
        return None
    limits = Limits(concurrency=_CONCURRENCY)
    if seconds:
        limits = Limits(timeout_seconds=seconds, connect_seconds=min(seconds, 3.0), concurrency=_CONCURRENCY)
    return Module(name, credentials, trust, limits, int(port))


def _trust(verify: Any, environ: Mapping[str, str], wrong: list[tuple[str, str]]) -> Trust:
    if verify is False or verify == 0:
        return Trust(verify=False)
    if isinstance(verify, str):
        # The file of an authority, as the library behind upstream takes it.
        if not Path(verify).is_file():
            wrong.append(("verify_ssl", "no such file; write true, false, or the file of an authority"))
        return Trust(ca_file=verify)
    if verify not in (None, True, 1):
        wrong.append(("verify_ssl", "write true, false, or the file of an authority"))
    authority = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or ""
    return Trust(ca_file=authority)


def _showing(cert: Any, trust: Trust, wrong: list[tuple[str, str]]) -> Trust:
    """Return the trust with the client's certificate: one file, or a certificate's and its key's."""
    files = [cert] if isinstance(cert, str) else cert
    if not isinstance(files, list) or not 1 <= len(files) <= 2 or not all(isinstance(file, str) for file in files):
        wrong.append(("cert", "write a PEM file, or two: [certificate, key]"))
        return trust
    try:
        ssl.create_default_context().load_cert_chain(*files)
    except OSError:
        wrong.append(("cert", "no certificate with its key can be read there; name readable PEM files"))
    return replace(trust, client_certificate=files[0], client_key=files[1] if len(files) == 2 else "")


def _number(
    options: Mapping[str, Any], option: str, default: float, wrong: list[tuple[str, str]], *, most: float
) -> float:
    given = options.get(option)
    if given is None:
        return default
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = -1.0
    if not 0 < value <= most:
        wrong.append((option, f"not a number between 0 and {most:g}"))
    return value


def describe(error: HuneError) -> str:
    """Return an error as one line, for a body that people read."""
    return " ".join(str(error).split())
