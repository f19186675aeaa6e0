"""Calls in a process of their own, which is ended when one takes too long."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class LimitedCalls:
    """One call after another, each with a limit of time, in a process that lives until one exceeds it.

    Parameters
    ----------
    seconds : float
        The limit of each call.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._context = multiprocessing.get_context("spawn")  # threads of torch do not survive a fork
        self._process: Any = None

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return ``function(*arguments)``.

        Raises
        ------
        TimeoutError
            If it takes longer than the limit.
        RuntimeError
            If the process ends, or the function raises.
        """
        if self._process is None:
            self._connection, theirs = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        self._connection.send((function, arguments))
        try:
            self._connection.recv()  # the imports that the arguments need do not count
            if not self._connection.poll(self.seconds):
                raise TimeoutError(f"more than {self.seconds:g} s")
            succeeded, value = self._connection.recv()
        except TimeoutError:
            self.close()
            raise
        except EOFError:
            self.close()
            raise RuntimeError(f"the process ended before {function.__name__} did") from None
        if not succeeded:
            raise RuntimeError(value)
        return value

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None


def _serve(connection: Connection) -> None:
    while True:
        function, arguments = connection.recv()
        connection.send(None)
        try:
            connection.send((True, function(*arguments)))
        except Exception as error:
            connection.send((False, f"{type(error).__name__}: {error}"))
