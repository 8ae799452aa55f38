"""What Alertmanager does besides what Hune has it do, in the words of its own configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field, model_validator

from hune.site.base import Model

Block = dict[str, Any]

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SECRETS = frozenset(
    {
        *("api_key", "api_secret", "app_token", "auth_password", "auth_secret", "bearer_token", "bot_token"),
        *("client_secret", "credentials", "password", "routing_key", "secret_key", "service_key", "token"),
        *("user_key", "webhook_url"),
    }
)
"""Keys of Alertmanager's that hold a secret; each has a twin, KEY_file."""


class Alertmanager(Model):
    """Blocks of alertmanager.yml that follow Hune's own."""

    routes: list[Block] = Field(default_factory=list, description="routes that follow Hune's, each with its receiver")
    receivers: list[Block] = Field(default_factory=list, description="receivers that Alertmanager tells past the hub")
    inhibit_rules: list[Block] = Field(
        default_factory=list, description="which alerts keep which others from being told"
    )
    time_intervals: list[Block] = Field(default_factory=list, description="times that these routes refer to")

    @model_validator(mode="after")
    def _no_secrets(self) -> Alertmanager:
        blocks = [*self.routes, *self.receivers, *self.inhibit_rules, *self.time_intervals]
        if {} in blocks:
            raise ValueError("a block is empty; remove it")
        for parent, key, value in _entries(blocks):
            if not _KEY.fullmatch(key):
                raise ValueError("a key that Alertmanager doesn't know; use letters, digits, '_', '-' and '.'")
            if key in _SECRETS or (key == "api_url" and parent == "slack_configs"):
                raise ValueError(f"{key} is a secret; give {key}_file, an absolute path, instead")
            if isinstance(value, list) and len({isinstance(one, dict) for one in value}) > 1:
                raise ValueError(f"{key} mixes blocks and single values; give a list of either")
            if value is None or value == {} or (isinstance(value, list) and {} in value):
                raise ValueError(f"{key} is empty; give a value, or remove it")
        return self


def _entries(value: Any, parent: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield everything that has a key: the key above it, its own, and what it says."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield parent, str(key), item
            yield from _entries(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _entries(item, parent)
