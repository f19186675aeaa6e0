"""``skdyn equations``: of saved estimators of any class, and of files."""

import json

import pytest

from skdyn import FIMODERegressor, SparseODERegressor
from skdyn.cli import main
from tests.cli.conftest import TINY

FOUND = ["d(prey)/dt = predator", "d(predator)/dt = -prey"]


def test_of_a_saved_estimator(saved, call, call_json):
    folder = saved(SparseODERegressor())
    code, out, _ = call("equations", folder)
    assert (code, out) == (0, "Equations:\n  d(x0)/dt = x1\n  d(x1)/dt = -x0\n")
    told = call_json("equations", folder)
    assert told == {"equations": ["d(x0)/dt = x1", "d(x1)/dt = -x0"], "equations_used": True, "time_unit": None}


def test_precision(tmp_path, call_json):
    path = tmp_path / "decay.csv"
    path.write_text("t,x\n" + "".join(f"{k / 10},{2.718281828459045 ** (-0.123456 * k)}\n" for k in range(40)))
    assert call_json("equations", path, "--estimator", "sparse-ode")["equations"] == ["d(x)/dt = -1.2346 x"]
    told = call_json("equations", path, "--estimator", "sparse-ode", "--precision", "6")
    assert told["equations"] == ["d(x)/dt = -1.23456 x"]


@pytest.mark.parametrize("words", [["--estimator", "sparse-ode"], ["--model", TINY["ode"]]])
def test_of_a_file(csv_file, call, call_json, words):
    code, out, _ = call("equations", csv_file, *words)
    assert code == 0
    assert out.startswith(f"Read {csv_file}: commas")
    assert out.endswith(f"Equations:\n  {FOUND[0]}\n  {FOUND[1]}\n")
    told = call_json("equations", csv_file, *words)
    assert told["equations"] == FOUND
    assert told["data"]["n_points"] == 80


def test_equations_that_are_not_used_are_not_printed(csv_file, call, monkeypatch):
    monkeypatch.setattr(FIMODERegressor, "_is_surer", lambda *_: False)
    words = ["equations", csv_file, "--model", TINY["ode"], "--refine", "auto"]
    code, out, error = call(*words)
    assert code == 1
    assert out.endswith("The pretrained field is surer of itself than equations found by a search: it is used.\n")
    assert "holds a FIMODERegressor without equations" in error


def test_an_estimator_without_equations(saved, call):
    folder = saved(FIMODERegressor(TINY["ode"], device="cpu"))
    code, out, error = call("equations", folder)
    assert (code, out) == (1, "")
    assert f"{folder} holds a FIMODERegressor without equations: `skdyn fit --refine sparse`" in error


def test_equations_of_one_pass_are_not_what_answers(saved, call, call_json):
    folder = saved(FIMODERegressor(device="cpu"))
    told = call_json("equations", folder)
    assert len(told["equations"]) == len(told["equation_shares"]) == 2
    assert not told["equations_used"]
    shares = ", ".join(f"{share:.0%}" for share in told["equation_shares"])
    _, out, _ = call("equations", folder)
    assert out.endswith(f"They are the leading part of the field ({shares} of it agree), which is what answers.\n")


def test_an_estimator_that_finds_none(csv_file, call):
    code, _, error = call("equations", csv_file, "--estimator", "fim-sde")
    assert code == 2
    assert "fim-sde finds no equations" in error


def test_options_for_files_are_not_ignored(saved, call):
    folder = saved(SparseODERegressor())
    for words in (["--sep", ";"], ["--estimator", "sparse-ode"], ["--time-unit", "day"], ["--param", "a=1"]):
        code, _, error = call("equations", folder, *words)
        assert code == 2
        assert f"{folder} is a folder, and {words[0]} is about how a CSV file is read or fitted" in error


def test_a_class_that_is_not_registered(saved, call):
    folder = saved(SparseODERegressor())
    for wanted in ("Trajectories", "NoSuchRegressor"):
        description = json.loads((folder / "estimator.json").read_text()) | {"estimator": wanted}
        (folder / "estimator.json").write_text(json.dumps(description))
        code, _, error = call("equations", folder)
        assert code == 1
        assert f"{folder} holds a {wanted}, which is not among the registered estimators" in error


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "{"])
def test_a_folder_that_holds_no_estimator(tmp_path, call, content):
    if content is not None:
        (tmp_path / "estimator.json").write_text(content)
    code, _, error = call("equations", tmp_path)
    assert code == 1
    assert f"{tmp_path} is not a saved estimator, or is damaged" in error


def test_a_missing_file(tmp_path, call):
    code, _, error = call("equations", tmp_path / "no-such.csv")
    assert code == 1
    assert "no-such.csv" in error


def test_wrong_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["equations", "a.csv", "--precision", "0"])
    assert caught.value.code == 2
    assert "argument --precision: must be at least 1, got 0" in capsys.readouterr().err


def test_evidence(saved, call, call_json):
    folder = saved(SparseODERegressor())
    code, out, _ = call("equations", folder, "--evidence")
    assert code == 0
    assert "in fits of 50\n" in out
    told = call_json("equations", folder, "--evidence")
    assert [(term["variable"], term["term"]) for term in told["terms"][:2]] == [("x0", "x1"), ("x1", "x0")]
    assert 0 <= told["unchanged"] <= 1
