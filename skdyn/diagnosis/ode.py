"""The checks of an autonomous ODE: those that need the data alone, and those that need the fitted field.

The thresholds were chosen on systems of the priors of pretraining (docs/design/adequacy.md).
"""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.check import Check
from skdyn.diagnosis.held import held_check
from skdyn.diagnosis.outside import told_apart
from skdyn.diagnosis.paths import Paths
from skdyn.diagnosis.sampling import clock_ratio, cycles, jump, predicted_by_map
from skdyn.diagnosis.simulation import reproduce
from skdyn.diagnosis.velocities import Contradiction, between_jumps, contradiction, with_delay
from skdyn.dynamics.simulate import Field

JUMP = 0.8
MAPPED = 0.5  # share of the next point's variance from which a map is likely
ROUGHNESS = 0.015
CONTRADICTION, MANY_CONTRADICTION, EXCESS = 0.055, 0.3, 2.0  # the second with three variables or more
FEW_POINTS = 8.0
ONE_CYCLE = 1.0
CLOCKS = 30.0
EXPLAINED = 0.5
CORRELATED = 0.5

_SDE = "FIMSDERegressor, which infers drift and diffusion"


@np.errstate(all="ignore")
def data_checks(context: Trajectories) -> list[Check]:
    """What the data alone say of an autonomous ODE; quick enough for every fit."""
    paths = Paths.of(context)
    if paths is None:
        return [Check("enough points", float(max(map(len, context.times))), 8.0, "below",
                      "the longest trajectory's number of points", "there is too little of each trajectory to check",
                      "longer trajectories"), *given_checks(context)]  # fmt: skip
    return [_jumps(paths), _rough(paths), _contradictions(paths), *given_checks(context)]


def given_checks(context: Trajectories) -> list[Check]:
    """What inputs and parameters alone say."""
    return [*held_check(context), *told_apart(context)]


@np.errstate(all="ignore")
def all_checks(context: Trajectories, field: Field, filled: bool = False) -> list[Check]:
    """`data_checks`, how the recording was made, and how well the field reproduces it.

    Where missing values were filled in, neither the data by themselves nor residuals are judged: what fills them is
    smoother than what was observed, and its errors are correlated.
    """
    checks = given_checks(context) if filled else data_checks(context)
    paths, reproduction = Paths.of(context), reproduce(context, field)
    share = Check("simulation", reproduction.explained(), EXPLAINED, "below",
                  "the share of the variance that simulations over up to a fifth of each trajectory explain",
                  "the field is wrong, or the data are no solution of any",
                  "the other findings, or more data")  # fmt: skip
    checks.append(share)
    if paths is None:
        return checks
    most, points = cycles(paths)
    return [
        *checks,
        Check("white residuals", np.nan if filled else reproduction.correlation(paths.noise), CORRELATED, "above",
              "the correlation of the simulation's error from one point to the next, where it is above the noise",
              "a part of the motion that the field does not have",
              "refine='sparse' where one pass was made, an adapter, or more variables"),
        Check("points per cycle", points, FEW_POINTS, "below", "the number of points of the fastest cycle",
              "the recording is too coarse", "more frequent observations"),
        Check("cycles", most, ONE_CYCLE, "below", "the number of completed cycles",
              "the recording ends before the motion comes back", "a longer recording, or several trajectories"),
        Check("clocks", clock_ratio(paths), CLOCKS, "above", "the ratio of the fastest to the slowest variable's rate",
              "a stiff system, or a variable that does not belong to it",
              "a sampling that follows the fast one, or leaving the slow one out"),
    ]  # fmt: skip


def _jumps(paths: Paths) -> Check:
    size, mapped = jump(paths), predicted_by_map(paths)
    if mapped > MAPPED:
        likely = f"a map, from which {mapped:.0%} of the next point follows, or a flow observed too rarely"
        advice = "a map of lagged states in place of an ODE, or observations more often"
    else:
        likely, advice = "noise that hides the motion, or far too few observations", "more frequent observations"
    return Check("jumps from point to point", size, JUMP, "above",
                 "the mean square change from one point to the next, of that between any two,", likely, advice,
                 hopeless=True)  # fmt: skip


def _rough(paths: Paths) -> Check:
    # Independent points are explained by white noise alone: neither kind of path is.
    value = float(paths.roughness.max())
    return Check("rough paths", value, ROUGHNESS, "above",
                 "the advantage of a Brownian path over a smooth one, in nats a point,",
                 "noise that drives the system, and not only its observation", _SDE, hopeless=True)  # fmt: skip


def _contradictions(paths: Paths) -> Check:
    found = contradiction(between_jumps(paths))
    # The path of three variables hardly comes back to a state: what is known there comes from further away.
    threshold = CONTRADICTION if len(paths.variables) < 3 else MANY_CONTRADICTION
    evidence = found.size if found.excess > EXCESS or np.isnan(found.size) else 0.0
    likely, advice = "", ""
    if evidence > threshold:
        likely, advice = _cause(paths)
    return Check("contradictory velocities", evidence, threshold, "above",
                 "the mean square difference of the velocities of one state at different times, beyond noise,",
                 likely, advice, hopeless=True)  # fmt: skip


def _cause(paths: Paths) -> tuple[str, str]:
    """What makes velocities contradict each other: noise that drives, a variable that delays stand for, or an input."""
    if paths.roughness.max() > 0:
        return "noise that drives the system", _SDE
    delayed = with_delay(paths)
    rest = Contradiction(np.nan, np.nan) if delayed is None else contradiction(delayed)
    if rest.size < CONTRADICTION or rest.excess < EXCESS:
        return ("a variable that was not observed: with the past as a further variable the contradiction is gone",
                "delayed copies of the variables, or the missing variable itself")  # fmt: skip
    return ("an input that depends on time, or several variables that were not observed",
            "the input as a further variable, longer delays, or FIMSDERegressor")  # fmt: skip
