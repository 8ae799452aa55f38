"""A site file written for somebody who has none yet: commented, complete enough to start, valid."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hune.site.detect import Port, ThisHost
from hune.site.tree import resolve
from hune.site.values import format_speed

DISCORD_VARIABLE = "DISCORD_WEBHOOK_URL"


@dataclass(frozen=True)
class DraftLink:
    """A port to watch; `speed` as written, empty when unknown."""

    device: str
    speed: str = ""


@dataclass(frozen=True)
class DraftNode:
    """A machine; `offered` are ports that the file lists as comments."""

    name: str
    address: str
    kind: Literal["linux", "proxmox"] = "linux"
    links: tuple[DraftLink, ...] = ()
    offered: tuple[DraftLink, ...] = ()


@dataclass(frozen=True)
class DraftChannel:
    """A way to people: its kind, what the site file says of it (values as YAML), and where its secret stands."""

    kind: str
    settings: Sequence[tuple[str, str]]
    variable: str = ""


_URLS = {
    "discord": ("webhook", DISCORD_VARIABLE),
    "slack": ("webhook", "SLACK_WEBHOOK_URL"),
    "teams": ("workflow", "TEAMS_WORKFLOW_URL"),
    "webhook": ("url", "WEBHOOK_URL"),
}
CHANNELS = (*_URLS, "email")


def channel_by_url(kind: str) -> DraftChannel:
    """Return a channel whose URL is its secret."""
    key, variable = _URLS[kind]
    return DraftChannel(kind, [(key, f"env:{variable}")], variable)


def channel_by_mail(host: str, sender: str, to: Sequence[str], user: str = "") -> DraftChannel:
    """Return the channel of people with e-mail; a `user` signs in with a password."""
    settings = [("host", quote(host)), ("sender", quote(sender)), ("to", f"[{', '.join(map(quote, to))}]")]
    if not user:
        return DraftChannel("email", settings)
    variable = "SMTP_PASSWORD"
    return DraftChannel("email", [*settings, ("user", quote(user)), ("password", f"env:{variable}")], variable)


@dataclass(frozen=True)
class Draft:
    """What the answers were."""

    name: str
    language: Literal["en", "fr"] = "en"
    cpu_celsius: float = 70
    nodes: Sequence[DraftNode] = field(default_factory=tuple)
    channel: DraftChannel | None = None
    this_host: bool = True


def link_of(port: Port) -> DraftLink:
    """Return the draft of a port found on this host, at the speed it has now."""
    return DraftLink(port.device, format_speed(port.speed) if port.speed else "")


def node_of(host: ThisHost, watched: Sequence[str] = ()) -> DraftNode:
    """Return the draft of this host; its ports that are up are offered, those in `watched` watched."""
    links = [link_of(port) for port in host.ports if port.is_up]
    return DraftNode(
        host.name,
        "127.0.0.1",
        host.kind,
        links=tuple(link for link in links if link.device in watched),
        offered=tuple(link for link in links if link.device not in watched),
    )


def render(draft: Draft) -> str:
    """Return the text of the site file."""
    lines = [
        "# What Hune watches, and whom it tells. Everything else follows from this file.",
        "#   hune site check     says what is wrong with it, all at once, by line and column",
        "#   hune plan           shows what a change would do; hune reload does it",
        "#   hune site schema    prints its JSON schema, for completion in an editor",
        "",
        f"name: {quote(draft.name)}  # label `site` of everything measured here",
        f"language: {draft.language}  # of pages and messages: en or fr",
        *([] if draft.this_host else ["this_host: false  # Hune's own machine is not watched"]),
        "",
        "# The machines. Each runs a node exporter: `hune node check NAME` tells what one still lacks.",
        "nodes:",
    ]
    for node in draft.nodes:
        lines += _node(node)
    lines += [
        "",
        "# Limits of the whole site; a group or a node may have its own.",
        "thresholds:",
        f"  cpu_celsius: {draft.cpu_celsius:g}  # °C, CPU package and cores; clears 3 °C below",
        "",
        *_channel(draft.channel),
        "",
        "# What else to try from here: type icmp, tcp, http, dns or tls.",
        "# probes:",
        "#   - name: website",
        "#     type: http",
        "#     target: https://example.com/",
    ]
    return "\n".join(lines) + "\n"


def _node(node: DraftNode) -> list[str]:
    lines = [f"  - name: {quote(node.name)}", f"    address: {quote(node.address)}"]
    if node.kind != "linux":
        lines.append(f"    kind: {node.kind}")
    if node.links:
        lines += [
            "    links:  # ports to watch; others never alert",
            *(f"      - {_link(link)}" for link in node.links),
        ]
        lines += [f"      # - {_link(link)}" for link in node.offered]
    elif node.offered:
        lines += ["    # links:  # ports to watch; others never alert"]
        lines += [f"    #   - {_link(link)}" for link in node.offered]
    return lines


def _link(link: DraftLink) -> str:
    speed = f", speed: {quote(link.speed)}" if link.speed else ""
    return f"{{device: {quote(link.device)}{speed}}}"


def _channel(chosen: DraftChannel | None) -> list[str]:
    channel = chosen or channel_by_url("discord")
    lines = [
        "receivers:",
        f"  - name: {channel.kind}",
        f"    {channel.kind}:",
        *(f"      {key}: {value}" for key, value in channel.settings),
        "",
        "routes:",
        "  - match: {severity: critical}",
        f"    receivers: [{channel.kind}]",
    ]
    told = [
        f"# Whom to tell, by {', '.join(CHANNELS)} or others.",
        "# Secrets (the URL of a webhook, a password) stand in the environment or in a file, never here.",
    ]
    return told + (lines if chosen else [f"# {line}".rstrip() for line in lines])


_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@/-]*")


def quote(text: str) -> str:
    """Return text as a YAML scalar that is read back as the same text, in quotes only where they are needed."""
    if _PLAIN.fullmatch(text) and isinstance(resolve(text), str):
        return text
    return json.dumps(text, ensure_ascii=False)
