"""The questions of `hune site init`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.prompt import Confirm, FloatPrompt, Prompt

from hune.site.detect import ThisHost
from hune.site.draft import (
    CHANNELS,
    DISCORD_VARIABLE,
    Draft,
    DraftChannel,
    DraftLink,
    DraftNode,
    channel_by_mail,
    channel_by_url,
    node_of,
)
from hune.site.values import HINTS, NAME_PATTERN, Device, EmailAddress, Host, MailUser, Name, Speed

_NOBODY = "none"

console = Console(highlight=False, emoji=False)


def ask(host: ThisHost) -> Draft:
    """Return the draft of a site from the answers of the person at the terminal."""
    console.print("Enter keeps what stands in parentheses; everything can be changed in the file later.\n")
    name = _ask("Name of the place", default=host.name, check=_fits(Name))
    language = Prompt.ask("Language of pages and messages", choices=["en", "fr"], default="en", console=console)
    nodes = []
    this_host = Confirm.ask(f"Watch this machine ({host.name})?", default=True, console=console)
    if this_host:
        nodes.append(node_of(host, watched=_ask_own_ports(host)))
    nodes += _ask_machines({node.name.lower() for node in nodes})
    if not nodes:
        console.print("[dim]Nothing given: this machine is watched.[/]")
        nodes.append(node_of(host))
        this_host = True
    limit = 0.0
    while not 0 < limit <= 150:
        limit = FloatPrompt.ask("Alert above how many °C of CPU temperature", default=70.0, console=console)
    return Draft(name, "fr" if language == "fr" else "en", limit, nodes, _ask_channel(), this_host)


def _ask_channel() -> DraftChannel | None:
    console.print(
        "\nWhere shall critical alerts go? More channels, and who gets what, can be written into the file later."
    )
    default = "discord" if DISCORD_VARIABLE in os.environ else _NOBODY
    kind = Prompt.ask("Channel", choices=[*CHANNELS, _NOBODY], default=default, console=console)
    if kind == _NOBODY:
        return None
    if kind != "email":
        channel = channel_by_url(kind)
        console.print(f"[dim]Its URL is a secret: it is read from {channel.variable} when Hune starts.[/]")
        return channel
    server = _ask("  SMTP server (port 587, STARTTLS)", check=_fits(Host))
    user = _ask("  Who signs in there (- for nobody)", default="-", check=_fits(MailUser))
    sender = _ask("  Messages come from", default=user if "@" in user else None, check=_fits(EmailAddress))
    to = _ask("  They go to", check=_fits(EmailAddress))
    return channel_by_mail(server, sender, [to], "" if user == "-" else user)


def _ask_own_ports(host: ThisHost) -> list[str]:
    return [
        port.device
        for port in host.ports
        if port.is_up and Confirm.ask(f"  Watch its network port {port.device}?", default=False, console=console)
    ]


def _ask_machines(taken: set[str]) -> list[DraftNode]:
    console.print("\nOther machines, one after the other; an empty name ends the list.")
    nodes: list[DraftNode] = []
    links = ""

    def is_free(text: str) -> str:
        if text.lower() in taken:
            return "taken; choose another name"
        return _fits(Name)(text) if text else ""

    while name := _ask("Name of a machine", default="", check=is_free):
        taken.add(name.lower())
        address = _ask("  Its address", check=_fits(Host))
        proxmox = Confirm.ask("  Does it run Proxmox VE?", default=True, console=console)
        links = _ask("  Ports to watch (enp1s0f0:10G enp1s0f1:10G, or -)", default=links or "-", check=_check_links)
        found = tuple(_links(links))
        nodes.append(DraftNode(name, address, "proxmox" if proxmox else "linux", links=found))
    return nodes


def _links(text: str) -> list[DraftLink]:
    words = [word.partition(":") for word in re.split(r"[\s,]+", text.strip("- ")) if word]
    return [DraftLink(device, speed) for device, _, speed in words]


def _check_links(text: str) -> str:
    links = _links(text)
    if len({link.device for link in links}) < len(links):
        return "a port twice; name each once"
    for link in links:
        if wrong := _fits(Device)(link.device) or (_fits(Speed)(link.speed) if link.speed else ""):
            return wrong
    return ""


def _fits(kind: Any) -> Callable[[str], str]:
    """Return a check that says what is wrong with an answer, empty if nothing."""
    adapter = TypeAdapter[Any](kind)

    def check(text: str) -> str:
        try:
            adapter.validate_python(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            context = first.get("ctx", {})
            return str(context.get("error") or HINTS.get(context.get("pattern", NAME_PATTERN), first["msg"]))
        return ""

    return check


def _ask(question: str, *, check: Callable[[str], str], default: str | None = None) -> str:
    """Return the first answer that is right."""
    while True:
        given = (
            Prompt.ask(question, default=default, console=console) if default else Prompt.ask(question, console=console)
        )
        answer = (given or "").strip()
        wrong = check(answer)
        if not wrong:
            return answer
        console.print(f"  [yellow]▲[/] {escape(wrong)}")
