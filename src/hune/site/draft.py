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
class Draft:
    """What the answers were."""

    name: str
    language: Literal["en", "fr"] = "en"
    cpu_celsius: float = 70
    nodes: Sequence[DraftNode] = field(default_factory=tuple)
    discord: bool = False
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
        *_channel(commented=not draft.discord),
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


def _channel(*, commented: bool) -> list[str]:
    lines = [
        "receivers:",
        "  - name: discord",
        "    discord:",
        f"      webhook: env:{DISCORD_VARIABLE}",
        "",
        "routes:",
        "  - match: {severity: critical}",
        "    receivers: [discord]",
    ]
    told = ["# Whom to tell. A webhook's URL is a secret: it stands in the environment or in a file, never here."]
    return told + ([f"# {line}".rstrip() for line in lines] if commented else lines)


_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@/-]*")


def quote(text: str) -> str:
    """Return text as a YAML scalar that is read back as the same text, in quotes only where they are needed."""
    if _PLAIN.fullmatch(text) and isinstance(resolve(text), str):
        return text
    return json.dumps(text, ensure_ascii=False)
