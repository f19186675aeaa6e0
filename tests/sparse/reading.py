"""Printed equations read back as functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?)|([A-Za-z]\w*)|(.))")


def read_equations(lines: Sequence[str], names: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
    """The field (N, D) at states (N, D) that the lines say."""
    codes = [_python(line.split(" = ", 1)[1]) for line in lines]

    def field(states: np.ndarray) -> np.ndarray:
        known = {"sin": np.sin, "cos": np.cos, **dict(zip(names, states.T, strict=True))}
        return np.column_stack([np.broadcast_to(eval(code, {}, known), len(states)) for code in codes])

    return field


def _python(text: str) -> str:
    out, before = "", ""
    for number, name, mark in _TOKEN.findall(text):
        token = number or name or mark.replace("^", "**")
        starts = bool(number or name or mark == "(")
        if starts and before not in ("", "sin", "cos") and (before == ")" or before[-1].isalnum() or before[-1] == "."):
            out += "*"
        out += token
        before = token
    return out
