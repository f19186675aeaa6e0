"""Imports go one way: the table below is the design, and the source is read to keep it so."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skdyn

PACKAGE = Path(skdyn.__file__).parent

# A room of skdyn, and the rooms it may import (itself is always allowed).
ARROWS = {
    "__init__": "",
    "exceptions": "",
    "metrics": "",
    "progress": "",
    "signature_kernel": "",
    "times": "exceptions",
    "reading": "exceptions",
    "trajectories": "exceptions reading times",
    "csv": "exceptions reading trajectories",
    "arrangement": "trajectories",
    "normalization": "",
    "nn": "",
    "registry": "exceptions",
    "locations": "exceptions registry",
    "weights": "exceptions locations registry",
    "adapters": "exceptions nn weights",
    "inference": "arrangement exceptions nn normalization trajectories weights",
    "dynamics": "exceptions metrics trajectories",
    "persistence": "exceptions trajectories",
    "base": "dynamics exceptions inference metrics normalization persistence registry times trajectories",
    "stochastic": "base dynamics",
    "sparse": "base dynamics exceptions metrics normalization progress trajectories weights",
    "forecasting": "exceptions nn sparse times trajectories",
    "coarse_graining": "exceptions nn normalization weights",
    "estimators": "adapters arrangement base coarse_graining dynamics exceptions forecasting inference nn "
    "normalization persistence progress reading registry sparse stochastic trajectories weights",
    "datasets": "exceptions metrics trajectories",
}
# Rooms on top of all these: nothing below may import them, and they do not import each other except as said.
TOP = {
    "plotting": "",
    "testing": "",
    "benchmarks": "",
    "cli": "benchmarks plotting",
    "__main__": "cli",
}
# Other packages that only these rooms may import at all.
OUTSIDE = {
    "torch": "nn adapters coarse_graining forecasting inference weights dynamics estimators benchmarks cli "
    "signature_kernel",
    "safetensors": "weights adapters",
    "huggingface_hub": "locations",
    "torchdiffeq": "dynamics",
    "matplotlib": "plotting cli benchmarks",
    "pandas": "trajectories testing",
    "polars": "",
    "pickle": "testing benchmarks",  # to check pickles of their own making
}
FORBIDDEN = {"pretrain", "plugins", "dill", "tests"}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Every module that a file imports at run time, also inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield node.module
            if node.module in ("skdyn", *(f"skdyn.{room}" for room in ("nn", "dynamics", "estimators"))):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


FILES = sorted(PACKAGE.rglob("*.py"))


def test_the_source_was_found():
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows(path):
    room = room_of(path)
    assert room in ARROWS | TOP, f"say in ARROWS what skdyn.{room} may import"
    allowed = {room, *ARROWS[room].split()} if room in ARROWS else {room, *TOP[room].split(), *ARROWS}
    public_homes = {name: home.split(".")[1] for name, home in skdyn._HOME.items()}
    for name in imports(path):
        top, *rest = name.split(".")
        assert top not in FORBIDDEN, f"{path} imports {name}"
        assert room in OUTSIDE.get(top, room).split(), f"skdyn.{room} may not import {top}"
        if top == "skdyn" and rest:
            target = public_homes.get(rest[0], rest[0])
            if target in ("__version__", "__init__"):
                continue
            assert target in allowed, f"skdyn.{room} may not import skdyn.{target}"


def test_the_table_has_no_cycle():
    below = {}

    def reach(room, path=()):
        assert room not in path, f"cycle: {' -> '.join((*path, room))}"
        if room not in below:
            below[room] = set()
            for target in ARROWS[room].split():
                below[room] |= {target} | reach(target, (*path, room))
        return below[room]

    for room in ARROWS:
        reach(room)


def test_nothing_evaluates_text():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), f"{path}:{node.lineno}"


def run(code):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import skdyn", "numpy torch sklearn scipy matplotlib pandas polars huggingface_hub safetensors"),
        ("import skdyn; skdyn.list_models(); skdyn.list_estimators()", "numpy torch sklearn matplotlib pandas"),
        ("from skdyn import Trajectories; Trajectories([[1.0], [2.0]])", "torch sklearn matplotlib pandas polars"),
        ("from skdyn import FIMODERegressor; FIMODERegressor()", "torch matplotlib huggingface_hub"),
        ("from skdyn import LASSODEForecaster; LASSODEForecaster()", "torch matplotlib huggingface_hub"),
        (
            "from skdyn import FIMODERegressor; FIMODERegressor(device='cpu').fit([[1.0], [2.0]]).predict([[1.0]])",
            "matplotlib polars huggingface_hub torchdiffeq",
        ),
    ],
)
def test_what_is_not_loaded(code, absent):
    names = set(absent.split())
    result = run(f"{code}\nimport sys\nprint(*sorted({names!r} & set(sys.modules)))")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_public_names_exist():
    assert set(skdyn.__all__) <= set(dir(skdyn))
    for name in skdyn.__all__:
        assert getattr(skdyn, name) is not None
    with pytest.raises(AttributeError, match="module 'skdyn' has no attribute 'absent'"):
        skdyn.absent  # noqa: B018
