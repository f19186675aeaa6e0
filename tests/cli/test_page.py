"""The page on the command line prints what the commands print: its blocks run in order, in an empty folder."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from skdyn.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "command_line.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?!\w)")


def agree(printed, shown):
    """Whether two texts are the same, but for the last digits of numbers."""
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
    np.testing.assert_allclose(
        [float(number) for number in NUMBER.findall(printed)],
        [float(number) for number in NUMBER.findall(shown)],
        rtol=0.02,
        atol=1e-6,
    )


@pytest.mark.slow
def test_every_block(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    printed = compared = 0
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(text, PAGE, "exec"), {})
        elif language == "sh":
            for command in text.replace("\\\n", " ").splitlines():
                assert main(shlex.split(command)[1:]) == 0
            printed = capsys.readouterr().out
        else:
            agree(printed, text)
            compared += 1
    assert compared >= 5
    assert {"portrait.png", "ahead.csv", "paths.png"} <= {path.name for path in tmp_path.iterdir()}
