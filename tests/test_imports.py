"""Imports go one way: docs/design/house.md is the design, and the source is read to keep it so."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skdyn
from tests.architecture import arrows_between_files, circles, figures, files_of, room_of, run_time_imports

PACKAGE = Path(skdyn.__file__).parent
HOUSE = Path(__file__).parents[1] / "docs" / "design" / "house.md"
HOMES = dict(skdyn._HOME)
FILES = files_of(PACKAGE)
ARROWS = arrows_between_files(PACKAGE, HOMES)
FORBIDDEN = {"pretrain", "plugins", "dill", "tests"}

# Other packages that only these rooms may import at all.
OUTSIDE = {
    "torch": "nn models adaptation coarse_graining forecasting dynamics estimators benchmarks cli",
    "safetensors": "models",
    "huggingface_hub": "models",
    "matplotlib": "plotting cli benchmarks",
    "plotly": "report",
    "pandas": "benchmarks data panel testing",
    "polars": "",
    "pickle": "testing benchmarks",  # to check pickles of their own making
}


def design():
    """Rooms and what each may import, from the table in the design."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \|([^|]*)\|$", HOUSE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {room: set(re.findall(r"\w+", allowed)) for room, allowed in rows}


DESIGN = design()


def test_the_design_and_the_source_have_the_same_rooms():
    assert len(DESIGN) > 10
    assert set(DESIGN) == {room_of(name) for name in FILES} - {"__init__"}


@pytest.mark.parametrize("room", DESIGN)
def test_arrows(room):
    """Every import is allowed, and every allowance is used."""
    used = {room_of(target) for source, target in ARROWS if room_of(source) == room} - {room}
    assert used == DESIGN[room], f"skdyn.{room}: see {HOUSE.name}"


def test_the_design_has_no_circle():
    assert circles({(room, target) for room, allowed in DESIGN.items() for target in allowed}) == []


def test_no_files_import_each_other_in_a_circle():
    assert circles(ARROWS) == []


def test_a_circle_is_seen(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from package.b import g\n")
    (package / "b.py").write_text("from package import c\n")
    (package / "c.py").write_text("import package.a\n")
    assert circles(arrows_between_files(package)) == [["a", "b", "c"]]
    assert "circles of files, lazy imports counted: 1" in figures(package)


@pytest.mark.parametrize("name", FILES)
def test_other_packages(name):
    for target in run_time_imports(FILES[name]):
        top = target.partition(".")[0]
        assert top not in FORBIDDEN, f"{name} imports {target}"
        assert room_of(name) in OUTSIDE.get(top, room_of(name)).split(), f"skdyn.{name} may not import {top}"


@pytest.mark.parametrize("package", OUTSIDE)
def test_every_allowance_of_another_package_is_used(package):
    rooms = {
        room_of(name)
        for name, path in FILES.items()
        if any(target.partition(".")[0] == package for target in run_time_imports(path))
    }
    assert rooms == set(OUTSIDE[package].split())


PLUGINS = sorted((Path(__file__).parents[1] / "plugins").glob("*/src/**/*.py"))


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: "/".join(path.parts[-2:]))
def test_plugins_know_the_public_face_alone(path):
    modules = {name for name in run_time_imports(path) if name.partition(".")[0] == "skdyn"}
    public = {"skdyn", "skdyn.plugins", *(f"skdyn.{name}" for name in skdyn.__all__)}
    assert {name for name in modules if not name.startswith("skdyn.plugins.")} <= public


def test_nothing_evaluates_text():
    for path in FILES.values():
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
        ("import skdyn.plugins", "torch matplotlib huggingface_hub"),
        ("import skdyn.cli", "numpy torch sklearn matplotlib pandas"),
        (
            "from skdyn import FIMODERegressor; FIMODERegressor(device='cpu').fit([[1.0], [2.0]]).predict([[1.0]])",
            "matplotlib polars huggingface_hub",
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
