"""What a command answers: lines for people as they come, or one JSON object for scripts at the end."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Declare the option that `Answer` follows."""
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on the output")


class Answer:
    """Lines that are printed at once and facts that are kept; with ``--json``, only the facts are printed.

    Parameters
    ----------
    as_json : bool, default=False
    """

    def __init__(self, as_json: bool = False) -> None:
        self._as_json = as_json
        self._facts: dict[str, Any] = {}

    def say(self, *lines: str) -> None:
        """Print lines for people."""
        if not self._as_json:
            for line in lines:
                print(line, flush=True)

    def keep(self, **facts: Any) -> None:
        """Keep facts for scripts: numbers, texts, and lists and dictionaries of them."""
        self._facts.update(facts)

    def finish(self) -> int:
        """Print the JSON object where it was asked for; returns the exit code of a command that is done."""
        if self._as_json:
            print(json.dumps(_plain(self._facts), indent=2, allow_nan=False))
        return 0


def _plain(value: Any) -> Any:
    """A value as JSON has it, where a number that is not finite is null."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "tolist"):  # an array or a number of NumPy's
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
