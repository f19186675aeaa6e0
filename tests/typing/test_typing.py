"""A checker sees the public names as what they are: mypy on a small user's script."""

import os
import re
import subprocess
import sys
from pathlib import Path

import skdyn

SCRIPT = Path(__file__).with_name("user_script.py")


def test_a_user_s_script():
    """Comments say what is revealed, and which lines are errors; there are no others."""
    root = Path(skdyn.__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--follow-imports=silent", "--ignore-missing-imports", SCRIPT],
        cwd=root,
        env=os.environ | {"MYPYPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    said = dict(re.findall(r"user_script\.py:(\d+): (.*)", result.stdout))
    assert said, result.stdout + result.stderr
    for number, line in enumerate(SCRIPT.read_text(encoding="utf-8").splitlines(), start=1):
        code, _, expected = line.partition("  # ")
        message = said.pop(str(number), "")
        if code.startswith("reveal_type"):
            assert expected in message, f"line {number}: {message}"
        elif expected.startswith("error: "):
            assert expected.removeprefix("error: ") in message, f"line {number}: {message}"
        else:
            assert not message, f"line {number}: {message}"
    assert said == {}


def test_what_a_checker_sees_is_what_is_there():
    for package in ("skdyn/__init__.py", "skdyn/datasets/__init__.py"):
        source = (Path(skdyn.__file__).parents[1] / package).read_text(encoding="utf-8")
        typed = re.findall(r"^    from (\S+) import (\w+) as \2$", source, flags=re.MULTILINE)
        lazy = re.findall(r'^    "(\w+)": "(\S+)",$', source, flags=re.MULTILINE)
        assert len(lazy) > 10
        assert sorted((name, home) for home, name in typed) == sorted(lazy)
