"""What every test needs, doctests and pages included: pictures that open no window, and pages as tests.

Each python, sh and toml block of the README, the quickstart and the how-to pages is a test. The python blocks of a page
run in order, in one namespace, in an empty folder. Commands, also those within a sentence, are read by the parsers of
the programs that they name; nothing is run by them.
"""

import os
import re
import shlex
import shutil
import sys
import tempfile
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parent
os.environ["MPLBACKEND"] = "agg"


class _ArgumentsReadError(Exception):
    """Ends a program once its parser has read its arguments."""


def check_command(words: list[str]) -> None:
    """Let the parser of a program of this project read its arguments; commands of other programs are left alone."""
    if words[0] == "skdyn":
        words = ["python", "-m", "skdyn.cli", *words[1:]]
    match words:
        case ["python", "-m", module, *arguments] if module.split(".")[0] in ("skdyn", "pretrain"):
            program = import_module(module)
            program = program if hasattr(program, "main") else import_module(f"{module}.__main__")
            parse = ArgumentParser.parse_args

            def parse_only(*given: Any, **options: Any) -> None:
                parse(*given, **options)
                raise _ArgumentsReadError

            with mock.patch.object(ArgumentParser, "parse_args", parse_only):
                try:
                    program.main(arguments)
                except _ArgumentsReadError:
                    return
            raise AssertionError(f"{module} reads no arguments")
        case ["python", script, *_] if script.endswith(".py"):
            assert (ROOT / script).is_file(), f"there is no {script}"
        case ["pip", "install", *places]:
            for place in places:
                local = place.startswith(".")
                assert not local or (ROOT / place.split("[")[0] / "pyproject.toml").is_file(), f"no package in {place}"


def check_commands(example: Example) -> None:
    """Check the commands of a block, or the one in a sentence."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = words.index("&&") if "&&" in words else len(words)
            check_command(words[:end])
            words = words[end + 1 :]


def check_toml(example: Example) -> None:
    """Check that a block is TOML."""
    tomllib.loads(example.parsed)


def commands_in_sentences(document: Document) -> Iterator[Region]:
    """Find commands between single backticks."""
    for found in re.finditer(r"(?<!`)`((?:skdyn|python) [^`\n]+)`", document.text):
        yield Region(found.start(), found.end(), found[1], check_commands)


def open_page(namespace: dict[str, Any]) -> None:
    """Enter a new folder, and make the page's classes importable, so that they can be pickled."""

    def find(name: str) -> Any:
        if name not in namespace:
            raise AttributeError(name)
        return namespace[name]

    namespace["__name__"] = "page"
    sys.modules["page"] = ModuleType("page")
    sys.modules["page"].__getattr__ = find  # type: ignore[method-assign]
    namespace["__came_from__"] = os.getcwd()
    os.chdir(tempfile.mkdtemp())


def close_page(namespace: dict[str, Any]) -> None:
    """Leave no figure, module or folder behind."""
    import matplotlib.pyplot as plt

    plt.close("all")
    del sys.modules["page"]
    folder = os.getcwd()
    os.chdir(namespace["__came_from__"])
    shutil.rmtree(folder)


pytest_collect_file = Sybil(
    [
        PythonCodeBlockParser(),
        CodeBlockParser("sh", check_commands),
        CodeBlockParser("toml", check_toml),
        commands_in_sentences,
    ],
    patterns=["README.md", "docs/*.md", "docs/howto/*.md"],
    excludes=["docs/gallery.md"],  # it includes the examples, which tests/docs runs
    setup=open_page,
    teardown=close_page,
).pytest()
