"""The README, the quickstart, the how-to pages and those of benchmarks do what they say.

The python blocks of a page run in order, in one namespace, in an empty folder, with warnings as errors. Commands, also
those within a sentence, are read by the parsers of the programs that they name; nothing is run by them.
"""

import re
import shlex
import sys
import tomllib
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "docs/howto", "docs/benchmarks")
PAGES = [ROOT / "README.md", *(page for folder in FOLDERS for page in sorted((ROOT / folder).glob("*.md")))]
PAGES.remove(ROOT / "docs" / "gallery.md")  # it includes the examples, which have a test of their own
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a page says of its results, in words or in comments.
CLAIMS = {
    "README.md": "[point.kind for point in est.equilibria()] == ['stable spiral']",
    "docs/howto/equations.md": "est.equations()[0] == 'd(hare)/dt = 0.573 hare - 0.0262 hare lynx'",
    "docs/howto/plugins.md": "[point.kind for point in est.equilibria()] == ['stable spiral']",
    "docs/howto/stochastic.md": "paths.shape == (100, 201, 1) and abs(counted.sum() * 0.05 - 1) < 1e-6",
}
IN_A_SENTENCE = re.compile(r"(?<!`)`((?:skdyn|python) [^`\n]+)`")


def blocks(page, *languages):
    """Line number and text of each block of a page in one of the languages."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        if block[1] in languages:
            yield text.count("\n", 0, block.start(2)), block[2]


def commands(page):
    """Each command of a page that runs something of this project, as a list of words."""
    lines = [line for _, block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    lines += IN_A_SENTENCE.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    for line in lines:
        for command in line.split("&&"):
            match words := shlex.split(command, comments=True):
                case ["skdyn", *_] | ["pip", "install", *_]:
                    yield words
                case ["python", "-m", name, *_] if name.startswith(("skdyn.", "pretrain.")):
                    yield words
                case ["python", script, *_] if script.endswith(".py"):
                    yield words


def named(page):
    return page.relative_to(ROOT).as_posix()


def test_every_block_is_in_a_language_that_is_checked():
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
            assert block[1] in ("python", "sh", "toml", "text"), f"{named(page)}: a block of {block[1] or 'nothing'!r}"


@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page, "python"))], ids=named)
def test_python(page, tmp_path, monkeypatch):
    module = ModuleType("page")  # importable, so that what the page defines can be pickled
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.chdir(tmp_path)
    for line, code in blocks(page, "python"):
        exec(compile("\n" * line + code, page, "exec"), module.__dict__)
    assert eval(CLAIMS.get(named(page), "True"), module.__dict__)
    plt.close("all")


def test_what_the_page_of_tables_prints(tmp_path, monkeypatch, capsys):
    """Each comment under a line that prints is what it prints."""
    page = ROOT / "docs" / "howto" / "tables.md"
    monkeypatch.chdir(tmp_path)
    names = {}
    for line, code in blocks(page, "python"):
        said = re.findall(r"^ *print\(.*\n *# (.*)$", code, re.MULTILINE)
        exec(compile("\n" * line + code, page, "exec"), names)
        assert capsys.readouterr().out.splitlines() == said


class ArgumentsReadError(Exception):
    """Ends a program once its parser has read its arguments."""


COMMANDS = {f"{named(page)}: {shlex.join(words)}": words for page in PAGES for words in commands(page)}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_command(words, monkeypatch):
    parse = ArgumentParser.parse_args

    def parse_only(*given, **options):
        parse(*given, **options)
        raise ArgumentsReadError

    monkeypatch.setattr(ArgumentParser, "parse_args", parse_only)
    if words[0] == "skdyn":
        words = ["python", "-m", "skdyn.cli", *words[1:]]
    match words:
        case ["python", "-m", name, *arguments]:
            program = import_module(name)
            program = program if hasattr(program, "main") else import_module(f"{name}.__main__")
            with pytest.raises(ArgumentsReadError):
                program.main(arguments)
        case ["python", script, *_]:
            assert (ROOT / script).is_file()
        case ["pip", "install", *places]:  # what lies here, with the extras that it has
            for place in filter(re.compile(r"\.").match, places):
                folder, _, extras = place.partition("[")
                if folder.startswith("./plugins/") and not (ROOT / "plugins").exists():
                    pytest.skip("plugins are packages of their own, and not in the sdist")
                project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
                assert set(filter(None, extras.rstrip("]").split(","))) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page, "toml"))], ids=named)
def test_toml(page):
    for _, text in blocks(page, "toml"):
        assert tomllib.loads(text)
