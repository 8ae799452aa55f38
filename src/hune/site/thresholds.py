"""Limits of machines, and how they are inherited."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from hune.site.base import Model
from hune.site.values import Celsius, Ratio, Seconds

DEFAULT_CPU_CELSIUS = 70.0
_HYSTERESIS_CELSIUS = 3.0


class CpuThreshold(Model):
    """A temperature limit and the value below which it clears; a bare number is the limit."""

    limit: Celsius = Field(DEFAULT_CPU_CELSIUS, strict=True, description="°C above which an alert fires")
    clear: Celsius = Field(strict=True, description="°C below which it resolves; 3 below the limit by default")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        if _is_number(value):
            value = {"limit": value}
        if isinstance(value, dict) and "clear" not in value:
            limit = value.get("limit", DEFAULT_CPU_CELSIUS)
            # A limit that is no temperature is refused by its own field.
            if _is_number(limit) and 0 <= limit <= 1000:
                value = {**value, "clear": max(0.0, limit - _HYSTERESIS_CELSIUS)}
            else:
                value = {**value, "clear": 0.0}
        return value

    @model_validator(mode="after")
    def _ordered(self) -> CpuThreshold:
        if self.clear > self.limit:
            raise ValueError(f"clear ({self.clear:g}) lies above limit ({self.limit:g}); give it a lower value")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        written = handler.resolve_ref_schema(handler(schema))
        written["required"] = []
        return {"anyOf": [{"type": "number", "minimum": 0, "maximum": 150}, written]}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Thresholds(Model):
    """Limits; each unset one is inherited: node ← group ← site ← Hune's default."""

    cpu_celsius: CpuThreshold | None = Field(
        None, description="limit of the CPU package and cores in °C: a number, or limit and clear; default 70"
    )
    chips: dict[str, CpuThreshold] = Field(
        default_factory=dict, description="limits by chip, named as node_exporter does: platform_coretemp_0"
    )
    exporter_silence_seconds: Seconds | None = Field(
        None, description="seconds after which an exporter silent on a living machine is told; default 30"
    )
    link_flaps: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="flaps of a watched port in 15 minutes that alert; default 3"
    )
    link_errors_ratio: Ratio | None = Field(
        None, description="errors per packet of a watched port that alert; default 0.01"
    )
    link_errors_min_packets: Annotated[float, Field(ge=0)] | None = Field(
        None, description="packets per second below which errors are not judged; default 10"
    )
    filesystem_warning_ratio: Ratio | None = Field(None, description="share in use of a file system that warns; 0.85")
    filesystem_critical_ratio: Ratio | None = Field(
        None, description="share in use of a file system that is critical; default 0.95"
    )
    inodes_ratio: Ratio | None = Field(None, description="share of a file system's inodes in use that warns; 0.9")
    memory_available_ratio: Ratio | None = Field(
        None, description="share of memory still available below which an alert fires; default 0.05"
    )
    pressure_ratio: Ratio | None = Field(
        None, description="share of time in which all work waited for memory or disks that warns; default 0.25"
    )
    clock_offset_seconds: Seconds | None = Field(
        None, description="seconds by which a node's clock may differ from this machine's; default 2"
    )


class AppliedThresholds(Model):
    """Thresholds of one node after inheritance: nothing is unset."""

    cpu_celsius: CpuThreshold
    chips: dict[str, CpuThreshold]
    exporter_silence_seconds: float
    link_flaps: int
    link_errors_ratio: float
    link_errors_min_packets: float
    filesystem_warning_ratio: float
    filesystem_critical_ratio: float
    inodes_ratio: float
    memory_available_ratio: float
    pressure_ratio: float
    clock_offset_seconds: float


DEFAULT_THRESHOLDS = AppliedThresholds(
    cpu_celsius=CpuThreshold.model_validate(DEFAULT_CPU_CELSIUS),
    chips={},
    exporter_silence_seconds=30.0,
    link_flaps=3,
    link_errors_ratio=0.01,
    link_errors_min_packets=10.0,
    filesystem_warning_ratio=0.85,
    filesystem_critical_ratio=0.95,
    inodes_ratio=0.9,
    memory_available_ratio=0.05,
    pressure_ratio=0.25,
    clock_offset_seconds=2.0,
)
