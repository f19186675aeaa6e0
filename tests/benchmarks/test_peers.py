"""``python -m skdyn.benchmarks peers``: its cases, files that a run goes on from, tables and plot."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from skdyn import FIMODERegressor, SparseODERegressor
from skdyn.benchmarks import peers
from skdyn.benchmarks.__main__ import main
from skdyn.benchmarks.peers_records import ANSWERED, REFUSED, SLOW, Record, read_record, write_record
from skdyn.benchmarks.peers_report import draw, print_comparison, print_costs, print_tables
from skdyn.benchmarks.peers_suites import SUITES, Scope, spread
from skdyn.benchmarks.protocol import Setting

CLEAN, NOISY = Setting(0.0, 0.0), Setting(0.05, 0.5)
SCOPE = Scope(1, (CLEAN, NOISY), (0,))


class Here:
    """Calls in this process, in place of a process of their own."""

    def __init__(self, seconds):
        self.calls = 0

    def __call__(self, function, *arguments):
        self.calls += 1
        return function(*arguments)

    def close(self): ...


def record(estimator, case, system, value, **more):
    percent = {"reconstruction (0, 0)": value, "reconstruction (0.05, 0.5)": value / 2}
    return Record("odebench", case, system, estimator, ANSWERED, percent=percent, **more)


RECORDS = [
    *(record("first", f"{i}", f"{i // 2}", 100.0, cpu_seconds=0.5, megabytes=3.0) for i in range(4)),
    *(record("second", f"{i}", f"{i // 2}", 100.0 * (i < 2), cpu_seconds=0.1, megabytes=None) for i in range(4)),
    Record("classic", "fhn", "fhn", "first", ANSWERED, error={"mse": 0.1}, cpu_seconds=0.5),
    Record("classic", "fhn", "fhn", "second", REFUSED, "too short", error={"mse": None}, cpu_seconds=0.1),
]


@pytest.mark.parametrize("count", [1, 2, 5, 9, None])
def test_systems_are_spread(count):
    chosen = spread(range(7), count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(7, count or 7)
    assert chosen[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_cases_can_be_asked_elsewhere_and_nothing_is_worth_nothing(suite):
    cases = list(SUITES[suite](SCOPE))
    assert len({case.key for case in cases}) == len(cases)
    for case in cases:
        pickle.dumps((case.context, case.ask))
        nothing = case.judge(None)
        assert set(nothing.percent.values()) <= {0.0}
        assert set(nothing.error.values()) <= {None}
        assert nothing.percent or nothing.error


@pytest.mark.slow
def test_an_answer_is_worth_what_the_benchmark_itself_says():
    case = next(case for case in SUITES["odebench"](SCOPE) if case.key.endswith("-0-0-0"))
    answer, cost = peers.solve(FIMODERegressor(device="cpu"), case.context, case.ask)
    assert answer.shape == (2, 200, 1)
    assert case.judge(answer).percent["reconstruction (0, 0)"] == 100.0
    assert cost["cpu_seconds"] > 0


@pytest.mark.slow
def test_a_run_goes_on_where_one_ended(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(peers, "LimitedCalls", Here)
    command = ["peers", "--suites", "classic", "--systems", "1", "--estimators", "sparse-ode"]
    command += ["--json", str(tmp_path), "--plot", str(tmp_path / "plot.png")]
    with pytest.raises(SystemExit):
        main([*command, "--systems", "one"])
    assert main([*command[:-2]]) == 0
    first = capsys.readouterr().out
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["outcome"] == "answered"

    monkeypatch.setattr(Here, "__call__", lambda *_: pytest.fail("a fit that is there was made again"))
    assert main(command[:-2]) == 0
    assert capsys.readouterr().out == first


def test_files_of_other_parameters_are_not_read(tmp_path):
    path = tmp_path / "case.json"
    known = record("first", "0", "0", 100.0, params="a")
    write_record(path, known)
    assert read_record(path, known) == known
    assert read_record(path, record("first", "0", "0", 0.0, params="b")) is None
    assert read_record(tmp_path / "none.json", known) is None


def test_what_was_slow_is_tried_again_with_more_time(tmp_path):
    path = tmp_path / "case.json"
    slow = replace(record("first", "0", "0", 0.0), outcome=SLOW, limit=10.0)
    write_record(path, slow)
    assert read_record(path, replace(slow, limit=5.0)) == slow
    assert read_record(path, replace(slow, limit=20.0)) is None


@pytest.mark.parametrize(
    ("error", "outcome"), [(TimeoutError("more than 1 s"), "slow"), (RuntimeError("it broke"), "failed")]
)
def test_a_fit_that_does_not_end_is_a_case_that_it_fails(error, outcome):
    def limited(*_):
        raise error

    (case,) = SUITES["classic"](SCOPE)
    blank = Record("classic", case.key, case.system, "sparse-ode", ANSWERED)
    found = peers._within(limited, blank, SparseODERegressor(), case)
    assert (found.outcome, found.reason, found.error) == (outcome, str(error), {"mse": None})


def test_a_refusal_says_why():
    (case,) = SUITES["classic"](SCOPE)
    answer, cost = peers.solve(SparseODERegressor(max_degree=-1), case.context, case.ask)
    assert answer is None
    assert cost["outcome"] == "refused"
    assert "max_degree" in cost["reason"]


def test_an_unknown_suite(capsys):
    assert main(["peers", "--suites", "odebench,unheard"]) == 1
    assert "--suites: expected some of odebench,forced,classic,large, got 'unheard'" in capsys.readouterr().err


def test_tables(capsys):
    print_tables(RECORDS)
    print_comparison(RECORDS, "first")
    print_costs(RECORDS)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "second 50.0 [0.0, 100.0] 25.0 [0.0, 50.0]" in lines
    assert "second -50.0 [-100.0, +0.0]; better in 0, worse in 2 of 4" in lines
    assert "second none answered" in lines
    assert "second: no case that both answered" in lines
    assert "first 0.50 0.50 3 3" in lines
    assert "second 0.10 0.10 - 1 refused" in lines


def test_costs_of_one_that_answered_nothing(capsys):
    print_costs([Record("classic", "fhn", "fhn", "second", REFUSED, "too short", cpu_seconds=0.1)])
    assert "1 refused" in capsys.readouterr().out


def test_the_plot_is_drawn(tmp_path):
    path = tmp_path / "plot.png"
    draw(RECORDS, path)
    assert path.read_bytes()[1:4] == b"PNG"


def test_memory_of_a_large_array_is_seen():
    before = peers._memory(reset=True)
    if before is None:
        pytest.skip("this system does not tell")
    np.ones(8_000_000)
    assert peers._memory(reset=False) - before > 30
