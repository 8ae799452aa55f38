"""What else keeps samples, beside Prometheus and the store for years: a PostgreSQL that SQL reads."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from hune.site.base import Model
from hune.site.values import Days, Duration, SecretDatabaseRef, days_of, seconds_of


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError):
        raise ValueError("not a regular expression; write one like node_cpu_.*") from None
    return value


def _interval(value: str) -> str:
    if not 1 < seconds_of(value) <= 86_400:
        raise ValueError("not between two seconds and a day; write it like 5m")
    return value


class Downsample(Model):
    """Of old samples one in each interval stays."""

    after: Days = Field(description="age of the days that are thinned: 30d")
    every: Annotated[Duration, AfterValidator(_interval)] = Field(
        description="interval of which the last sample stays: 5m"
    )


class StoredMetrics(Model):
    """How long, and how finely, some metrics are kept."""

    match: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_expression)] = Field(
        description="regular expression of whole names of metrics; the first entry that matches counts"
    )
    retention: Days | None = Field(None, description="how long they are kept: 30d; default as all others")
    downsample: Downsample | None = Field(None, description="from which age on only one sample an interval is kept")

    @model_validator(mode="after")
    def _says_something(self) -> StoredMetrics:
        if self.retention is None and self.downsample is None:
            raise ValueError("says nothing; give retention, downsample, or both")
        if self.retention and self.downsample and days_of(self.downsample.after) >= days_of(self.retention):
            raise ValueError("would be dropped before it is downsampled; give a longer retention, or leave one out")
        return self


class TimescaleStore(Model):
    """The store in PostgreSQL, written by the adapter `hune run timescale`."""

    url: SecretDatabaseRef | None = Field(
        None, description="URL of the database by reference; without one Hune runs a PostgreSQL of its own"
    )
    retention: Days | None = Field(None, description="how long days are kept: 2y; by default everything stays")
    metrics: list[StoredMetrics] = Field(
        default_factory=list, max_length=100, description="metrics that are kept otherwise; the first match counts"
    )
    query: bool = Field(
        False, description="also run a Prometheus that has no rules and answers PromQL from this store; port 9202"
    )


class Stores(Model):
    """Where Prometheus writes to besides."""

    timescale: TimescaleStore | None = Field(
        None, description="the store in PostgreSQL; {} takes every default, left out there is none"
    )

    @model_validator(mode="before")
    @classmethod
    def _named_is_wanted(cls, value: Any) -> Any:
        # `timescale:` with nothing behind it was written by somebody who wants one.
        if isinstance(value, dict) and value.get("timescale", ...) is None:
            return {**value, "timescale": {}}
        return value

    @model_serializer(mode="wrap")
    def _left_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}
