"""What tells a command that is called wrongly from one that fails."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skdyn.exceptions import FileError
from skdyn.files.paths import user_path


class UsageError(Exception):
    """A command was called wrongly, which shows only when it runs; it ends with exit code 2."""


def at_least(low: int) -> Callable[[str], int]:
    """The type of an option that takes whole numbers from ``low`` on."""

    def whole_number(text: str) -> int:
        if (value := int(text)) < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, got {value}")
        return value

    return whole_number


def positive(text: str) -> float:
    """The type of an option that takes positive, finite numbers."""
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"must be positive and finite, got {text}")
    return value


def level(text: str) -> float:
    """The type of an option that takes levels of quantiles."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return value


def place(text: str) -> Path:
    """The type of an option that takes a file or a folder."""
    try:
        return user_path(text)
    except FileError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parameter(text: str) -> tuple[str, Any]:
    """The type of an option ``name=value``; the value is read as JSON, or else is the text itself."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"must be name=value, got {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
