"""What an estimator leaves alone: the network, and what belongs to the whole process."""

from __future__ import annotations

import random
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np


@contextmanager
def refused_connections() -> Iterator[list[Any]]:
    """Refuse every connection and every look-up of a name, and list what they were to, if anyone hides the refusal."""
    opened: list[Any] = []

    def refuse(*asked: Any, **_: Any) -> None:
        opened.append(next((part for part in asked if not isinstance(part, socket.socket)), None))
        raise AssertionError("a connection was opened")

    with ExitStack() as stack:
        for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "getaddrinfo")):
            stack.enter_context(mock.patch.object(owner, name, refuse))
        yield opened


@contextmanager
def listed_changes() -> Iterator[list[str]]:
    """List what of the process's state is changed inside, and put it back; the list is there at the end."""
    changed: list[str] = []
    with warnings.catch_warnings(), np.errstate(), _put_back():
        _move_on()
        before = _state()
        yield changed
        after = _state()
        changed += [name for name, value in before.items() if after[name] != value]


def _move_on() -> None:
    """Bring the state to where nobody would set it: what an earlier fit has set is seen when it is set again."""
    random.random()
    np.random.random()  # noqa: NPY002  (the legacy state is what is checked)
    if torch := _torch():
        torch.rand(1)
    other = {kind: "warn" if now == "ignore" else "ignore" for kind, now in np.geterr().items()}
    np.seterr(**other)  # type: ignore[arg-type]
    warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning)


def _state() -> dict[str, Any]:
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    torch = _torch()
    return {
        "the state of random": random.getstate(),
        "the state of numpy.random": (kind, np.asarray(keys).tobytes(), *rest),
        "the state of torch's generator": None if torch is None else torch.get_rng_state().numpy().tobytes(),
        "numpy.geterr()": np.geterr(),
        "warnings.filters": list(warnings.filters),
    }


@contextmanager
def _put_back() -> Iterator[None]:
    """Restore the states of the generators."""
    torch = _torch()
    own, numpy_s = random.getstate(), np.random.get_state(legacy=True)  # noqa: NPY002
    torch_s = None if torch is None else torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(own)
        np.random.set_state(numpy_s)  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(torch_s)


def _torch() -> Any:
    """Torch, if anyone has imported it."""
    return sys.modules.get("torch")
