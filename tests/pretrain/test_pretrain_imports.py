"""Imports of the pretraining go one way: the table below is the design, and the source is read to keep it so."""

import ast
from pathlib import Path

import pytest

import pretrain

PACKAGE = Path(pretrain.__file__).parent

# A room of pretrain, and what it may import besides itself: other rooms, and rooms of skdyn.
ARROWS = {
    "run": "skdyn.exceptions skdyn.files skdyn.nn",
    "priors": "run skdyn.datasets skdyn.models",
    "ode": "priors run skdyn.models skdyn.nn",
    "sde": "priors run skdyn.models skdyn.nn",
    "forecasting": "priors run skdyn.datasets skdyn.forecasting skdyn.nn",
    "fim_ode": "ode priors run",
    "fim_sde": "sde run",
    "lass_ode": "forecasting run",
    "forecast_arbiter": "forecasting run skdyn.exceptions skdyn.files skdyn.forecasting skdyn.models skdyn.nn",
}
# Files that every model's room has, and no others.
SAME = {"__init__", "batches", "corruption", "objective", "presets", "task", "validation"}
OF_THE_ARBITER = {"arbiter_cases", "arbiter_training"}
"""Files of the forecasters' arbiter, which is trained on forecasts and not as a model is."""
MODELS = ("ode", "sde", "forecasting")
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Modules of this project that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def targets(path):
    """Rooms that a file imports from, its own left out."""
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "pretrain" and rest and rest[0] != room_of(path):
            yield rest[0]
        elif top == "skdyn" and rest and not rest[0].startswith("__"):
            yield f"skdyn.{rest[0]}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_arrows(path):
    assert room_of(path) in ARROWS, f"say in ARROWS what pretrain.{room_of(path)} may import"
    for target in targets(path):
        assert target in ARROWS[room_of(path)].split(), f"pretrain.{room_of(path)} may not import {target}"


@pytest.mark.parametrize("room", ARROWS)
def test_every_room_exists_and_uses_what_it_is_allowed(room):
    files = [path for path in FILES if room_of(path) == room]
    assert files, f"there is no pretrain.{room}"
    unused = set(ARROWS[room].split()) - {target for path in files for target in targets(path)}
    assert not unused, f"pretrain.{room} does not import {sorted(unused)}"


def test_no_file_imports_in_a_circle():
    below = {}

    def reach(module, path=()):
        assert module not in path, f"circle: {' -> '.join((*path, module))}"
        if module not in below:
            below[module] = set()
            for target in {name for name in imports(MODULES[module]) if name in MODULES} - {module}:
                below[module] |= {target} | reach(target, (*path, module))
        return below[module]

    for module in MODULES:
        reach(module)
    assert "pretrain.run.trainer" in below["pretrain.fim_ode"]


@pytest.mark.parametrize("room", MODELS)
def test_the_rooms_of_the_models_have_the_same_files(room):
    found = {path.stem for path in (PACKAGE / room).iterdir() if path.suffix == ".py"}
    assert found - OF_THE_ARBITER == SAME


def test_commands_are_commands_only():
    for path in PACKAGE.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not any(isinstance(node, ast.ClassDef) for node in tree.body), path
