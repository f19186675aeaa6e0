"""The command line: ``skdyn fit``, ``equations``, ``forecast``, ``simulate`` and others, each in a file of its own.

A command's file has ``declare``, which adds its options to the parser, and ``run``, which imports what it needs: help
and wrong usage are answered without numpy and torch.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from skdyn import __version__
from skdyn.cli import adapt, demo, doctor, equations, fit, forecast, models, report, simulate
from skdyn.cli.usage import UsageError
from skdyn.exceptions import SkdynError

EXIT_CODES = "exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    options = make_parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning  # type: ignore[assignment]
            code = options.run(options)
            print(end="", flush=True)  # what cannot be written is an error here, not while Python ends
            return code
    except BrokenPipeError:  # whoever read the output, such as `head`, has enough of it
        _write_no_more()
        return 1
    except UsageError as error:
        print(f"skdyn: wrong usage: {error}", file=sys.stderr)
        return 2
    except (SkdynError, ImportError, OSError, ValueError) as error:
        print(f"skdyn: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("skdyn: interrupted", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(prog="skdyn", description="Infer dynamical systems from trajectories.",
                                     epilog=EXIT_CODES)  # fmt: skip
    parser.add_argument("--version", action="version", version=f"skdyn {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (demo, fit, report, equations, forecast, simulate, adapt, models, doctor):
        command.declare(commands)
    for declared in commands.choices.values():
        declared.epilog = EXIT_CODES
    return parser


def _write_no_more() -> None:
    """Lead what is still to be written nowhere, so that Python ends without a word on it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _print_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    print(f"skdyn: {category.__name__}: {message}", file=sys.stderr)
