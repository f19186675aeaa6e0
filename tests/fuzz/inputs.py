"""A generated attack on the door: ``python -m tests.fuzz.inputs --count 500`` prints what became of it.

Half of the inputs are right, in one of many forms, and must be read to the last digit; the others are damaged, and must
be refused with the place of the damage. The columns after the first two must be zero.
"""

import argparse
import signal
import tempfile
import traceback
import warnings
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np

from skdyn import (
    FIMCoarseGrainer,
    FIMODERegressor,
    FIMSDERegressor,
    LASSODEForecaster,
    SparseODERegressor,
)
from skdyn.exceptions import ConvergenceWarning, ForecastWarning, ModelWarning
from tests.fuzz.damages import DAMAGES
from tests.fuzz.forms import FORMS
from tests.fuzz.queries import ALIKE, NAMES, REFUSED
from tests.fuzz.tables import table
from tests.fuzz.truth import make_truth

DUMMIES = Path(__file__).parents[1] / "dummy"
FAMILIES = {
    "FIMODERegressor": lambda: FIMODERegressor(DUMMIES / "fim-ode-16d", device="cpu"),
    "SparseODERegressor": lambda: SparseODERegressor(max_degree=1, max_points=40),
    "FIMSDERegressor": lambda: FIMSDERegressor(DUMMIES / "fim-sde-16d", device="cpu"),
    "LASSODEForecaster": lambda: LASSODEForecaster(DUMMIES / "lass-ode-tiny", device="cpu"),
    "FIMCoarseGrainer": lambda: FIMCoarseGrainer(
        model=DUMMIES / "fim-sde-16d", hidden=(4,), max_iter=1, context_size=40, n_queries=8, device="cpu"
    ),
}
OUTCOMES = ("read right", "refused by place", "misread", "refused otherwise", "foreign exception", "leaked warning")
LIMIT = 60  # seconds after which an input counts as one that hangs
OWN_WARNINGS = (UserWarning, ForecastWarning, ConvergenceWarning, ModelWarning)


def attack(family, seed, folder):
    """Make one input from a seed and give it to an estimator.

    Returns
    -------
    outcome : one of OUTCOMES
    story : str
        What was done and what came of it.
    """
    rng = np.random.default_rng([seed, list(FAMILIES).index(family)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        match rng.integers(5):
            case 0 | 1:
                outcome, story = _right(rng, FAMILIES[family](), folder)
            case 2 | 3:
                outcome, story = _damaged(rng, FAMILIES[family](), folder)
            case _:
                outcome, story = _asked(rng, family)
    for warning in caught:
        if warning.category not in OWN_WARNINGS:
            outcome, story = "leaked warning", f"{story}: {warning.category.__name__}: {warning.message}"
    return outcome, f"{family}, seed {seed}: {story}"


def _drawn(rng, wanted):
    wanted = dict(wanted)
    kinds = wanted.pop("kinds", None)
    return make_truth(rng, kind=None if kinds is None else str(rng.choice(kinds)), **wanted)


def _right(rng, estimator, folder):
    forms = [entry for entry in FORMS if entry[3] or not isinstance(estimator, FIMCoarseGrainer)]
    write, ids, names, _, wanted = forms[rng.integers(len(forms))]
    truth = _drawn(rng, wanted)
    try:
        X, t = write(rng, truth, folder)
        estimator.fit(X, t=t)
        context = estimator._read(X, t)
    except Exception as error:
        return _kind(error, "refused otherwise"), f"{write.__name__}: {type(error).__name__}: {error}"
    wrong = differences(context, truth, ids, names)
    if hasattr(estimator, "context_") and not np.array_equal(
        np.concatenate(estimator.context_.times), np.concatenate(context.times)
    ):
        wrong.append("times of the context")
    return ("misread" if wrong else "read right"), f"{write.__name__}: {', '.join(wrong)}"


def differences(context, truth, ids, names):
    """In what trajectories differ from the truth."""
    wrong = []
    if len(context) != len(truth.states) or context.n_features != len(truth.names):
        return [f"shapes: {context!r}"]
    for k, (t, x) in enumerate(context):
        if not np.allclose(t, truth.times[k], rtol=1e-13, atol=0):
            wrong.append(f"times of trajectory {k}")
        if not np.array_equal(x, truth.states[k]):
            wrong.append(f"states of trajectory {k}")
    if list(context.ids) != (truth.ids if ids else list(range(len(truth.ids)))):
        wrong.append(f"ids {context.ids}")
    if context.feature_names != (tuple(truth.names) if names else None):
        wrong.append(f"names {context.feature_names}")
    return wrong


def _damaged(rng, estimator, folder):
    damages = [
        (write, wanted)
        for write, recordings_too, wanted in DAMAGES
        if recordings_too or not isinstance(estimator, FIMCoarseGrainer)
    ]
    write, wanted = damages[rng.integers(len(damages))]
    truth = _drawn(rng, wanted)
    read, words = write(rng, truth, folder)
    try:
        X, t = read()
        estimator.fit(X, t=t)
    except Exception as error:
        return _refusal(write, error, words)
    return "misread", f"{write.__name__}: was fitted"


@cache
def _fitted(family):
    """An estimator of a family, its context as a table, states, and the answers to these by method."""
    truth = make_truth(np.random.default_rng(5), count=2, dim=2, kind="float")
    truth.names, truth.id, truth.time = NAMES, "id", "t"
    frame = table(truth)
    estimator = FAMILIES[family]().fit(frame)
    states = frame[NAMES].to_numpy()[3:9]
    methods = ["vector_field", "jacobian", "predict"]
    if family == "FIMCoarseGrainer":
        methods = ["transform"]
    elif family == "LASSODEForecaster":
        methods = ["vector_field"]
    return estimator, frame, states, {name: getattr(estimator, name)(states) for name in methods}


def _asked(rng, family):
    estimator, frame, states, answers = _fitted(family)
    kind = rng.integers(4)
    if kind == 0:
        return _scored(rng, estimator, frame)
    method = str(rng.choice(list(answers)))
    if kind == 1:
        write = ALIKE[rng.integers(len(ALIKE))]
        try:
            answer = getattr(estimator, method)(write(rng, states.copy()))
        except Exception as error:
            return _kind(error, "refused otherwise"), f"{method} {write.__name__}: {type(error).__name__}: {error}"
        same = np.array_equal(answer, answers[method], equal_nan=True)
        return ("read right" if same else "misread"), f"{method} {write.__name__}"
    write = REFUSED[rng.integers(len(REFUSED))]
    points, words = write(rng, states.copy())
    try:
        getattr(estimator, method)(points)
    except Exception as error:
        return _refusal(write, error, words)
    return "misread", f"{method} {write.__name__}: was answered"


def _scored(rng, estimator, frame):
    """Held-out trajectories with their columns in another order, or one of them under another name."""
    if rng.integers(2):
        same = estimator.score(frame[list(rng.permutation(frame.columns))]) == estimator.score(frame)
        return ("read right" if same else "misread"), "score of columns in another order"
    try:
        estimator.score(frame.rename(columns={"hare": "fox"}))
    except Exception as error:
        return _refusal(_scored, error, ["fox", "hare"])
    return "misread", "score of unknown names: was answered"


def _refusal(write, error, words):
    said = all(any(part in str(error) for part in word.split("|")) for word in words)
    outcome = _kind(error, "refused by place" if said else "refused otherwise")
    return outcome, f"{write.__name__}: {type(error).__name__}: {error}" + ("" if said else f" (it must say {words})")


def _kind(error, outcome):
    """The outcome of a refusal; foreign if it comes from deeper down than skdyn and scikit-learn's checks."""
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    own = isinstance(error, (ValueError, TypeError)) and ("/skdyn/" in last or "/sklearn/" in last)
    return outcome if own else "foreign exception"


class HangError(Exception):
    """An input took longer than the limit."""


def _too_long(*_):
    raise HangError


def main():
    """Attack every family, and print the table and the stories of what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="inputs for each family")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_long)
    columns = (*OUTCOMES, "hang")
    print("family".ljust(20), *columns, sep=" | ")
    stories = []
    for family in FAMILIES:
        counts = Counter()
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(arguments.seed, arguments.seed + arguments.count):
                signal.alarm(LIMIT)
                try:
                    outcome, story = attack(family, seed, Path(folder))
                except HangError:
                    outcome, story = "hang", f"{family}, seed {seed}"
                signal.alarm(0)
                counts[outcome] += 1
                if outcome not in OUTCOMES[:2]:
                    stories.append(f"{outcome}: {story}")
        print(family.ljust(20), *(str(counts[name]).rjust(len(name)) for name in columns), sep=" | ", flush=True)
    print(*stories, sep="\n")


if __name__ == "__main__":
    main()
