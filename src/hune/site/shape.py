"""What the models are made of: which keys stand where, and which hold secrets."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hune.site.models import Site
from hune.site.problems import Location
from hune.site.values import Secret


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by the keys that a file writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def model_at(location: Location, root: type[BaseModel] = Site) -> type[BaseModel] | None:
    """Return the model whose keys stand at a location, None where a value, a list or free keys stand."""
    kind = _kind_at(location, root)
    return kind if _is_model(kind) else None


def field_at(location: Location, root: type[BaseModel] = Site) -> FieldInfo | None:
    """Return the field that a location ends in, None if it ends elsewhere."""
    if not location or not isinstance(location[-1], str):
        return None
    model = model_at(location[:-1], root)
    return keys_of(model).get(location[-1]) if model else None


def holds_secret(location: Location) -> bool:
    """Whether what stands at a location is a reference to a secret, contains one, or lies below one."""
    for end in range(1, len(location) + 1):
        found = field_at(location[:end])
        if found is not None and _secret_of(found) is not None:
            return True
    kind = _kind_at(location, Site)
    # A model with a secret among its own fields: a channel or a token, which people paste as a whole.
    return _is_model(kind) and any(_secret_of(field) for field in kind.model_fields.values())


def secrets_of(model: BaseModel, location: Location = ()) -> Iterator[tuple[Location, str, Secret]]:
    """Yield each reference to a secret in a model: its location, the reference, what it must hold."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        mark = _secret_of(field)
        if mark is not None and value is not None:
            yield (*location, name), value, mark
            continue
        for step, item in _items(value):
            if isinstance(item, BaseModel):
                yield from secrets_of(item, (*location, name, *step))


def fields_of(model: type[BaseModel] = Site, location: tuple[str, ...] = ()) -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting: its path (`nodes[].links[].speed`, `groups.NAME.thresholds`) and its field."""
    for name, field in keys_of(model).items():
        path = ".".join((*location, name))
        yield path, field
        kind, suffix = _strip(field.annotation), ""
        while (origin := typing.get_origin(kind)) in (list, dict):
            arguments = typing.get_args(kind)
            kind, suffix = _strip(arguments[-1]), suffix + ("[]" if origin is list else ".NAME")
        if _is_model(kind):
            yield from fields_of(kind, (*location, name + suffix))


def _items(value: Any) -> Iterator[tuple[Location, Any]]:
    if isinstance(value, list):
        yield from (((index,), item) for index, item in enumerate(value))
    elif isinstance(value, dict):
        yield from (((key,), item) for key, item in value.items())
    else:
        yield (), value


def _secret_of(field: FieldInfo) -> Secret | None:
    found = [mark for mark in (*field.metadata, *_metadata(field.annotation)) if isinstance(mark, Secret)]
    return found[0] if found else None


def _metadata(annotation: Any) -> Iterator[Any]:
    """Yield what Annotated says about an optional value."""
    if typing.get_origin(annotation) is typing.Annotated:
        yield from annotation.__metadata__
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for argument in typing.get_args(annotation):
            yield from _metadata(argument)


def _kind_at(location: Location, root: type[BaseModel]) -> Any:
    kind: Any = root
    for step in location:
        origin = typing.get_origin(kind)
        if _is_model(kind):
            field = keys_of(kind).get(step) if isinstance(step, str) else None
            if field is None:
                return None
            kind = _strip(field.annotation)
        elif (origin is list and isinstance(step, int)) or (origin is dict and isinstance(step, str)):
            kind = _strip(typing.get_args(kind)[-1])
        else:
            return None
    return kind


def _strip(annotation: Any) -> Any:
    """Return an annotation without Annotated and without its None."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin in (typing.Union, types.UnionType):
            kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
            if len(kinds) != 1:
                return annotation
            annotation = kinds[0]
        else:
            return annotation


def _is_model(kind: Any) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
