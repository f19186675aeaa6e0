"""Strict parsing of a model's configuration into a frozen dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

Config = TypeVar("Config")


def between(low: float, high: float) -> Any:
    """Declare a configuration field (or each item of a tuple) with the closed interval of its values."""
    return dataclasses.field(metadata={"bounds": (low, high)})


def exactly(value: Any) -> Any:
    """Declare a configuration field that can only have one value."""
    return dataclasses.field(metadata={"value": value})


def one_of(*values: Any) -> Any:
    """Declare a configuration field that can only have one of a few values."""
    return dataclasses.field(metadata={"values": values})


def parse_config(cls: type[Config], values: Mapping[str, Any]) -> Config:
    """Build the frozen dataclass ``cls`` from ``values``, refusing anything unknown, missing or out of bounds.

    Nothing is allocated before every value has been checked.

    Raises
    ------
    ValueError
        With the name of the key and what was expected.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(fields)):
        raise ValueError(f"unknown key {unknown[0]!r}")
    if missing := [name for name in fields if name not in values]:
        raise ValueError(f"missing key {missing[0]!r}")
    return cls(**{name: _checked(field, values[name]) for name, field in fields.items()})


def _checked(field: dataclasses.Field, value: Any) -> Any:
    if "value" in field.metadata:
        expected = field.metadata["value"]
        if type(value) is not type(expected) or value != expected:
            raise ValueError(f"{field.name} must be {expected!r}, got {value!r}")
        return value
    if "values" in field.metadata:
        if not any(type(value) is type(known) and value == known for known in field.metadata["values"]):
            known = ", ".join(map(repr, field.metadata["values"]))
            raise ValueError(f"{field.name} must be one of {known}, got {value!r}")
        return value
    bounds = field.metadata["bounds"]
    if str(field.type).startswith("tuple"):
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= 16:
            raise ValueError(f"{field.name} must be a list of 1 to 16 integers, got {value!r}")
        return tuple(_number(field.name, item, int, bounds) for item in value)
    return _number(field.name, value, int if field.type == "int" else float, bounds)


def _number(name: str, value: Any, kind: type, bounds: tuple[float, float]) -> Any:
    low, high = bounds
    allowed = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or value != value:
        raise ValueError(f"{name} must be {'an integer' if kind is int else 'a number'}, got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, got {value!r}")
    return kind(value)
