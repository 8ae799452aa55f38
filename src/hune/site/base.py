"""The base of all models of a site."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, no unknown keys, no NaN. A field whose key is a word of Python's (`from`, `for`) has it as alias."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True)
