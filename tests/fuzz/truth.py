"""Random data of which it is known what they are, before anybody writes them down in a table."""

from dataclasses import dataclass

import numpy as np

STATES = ("hare", "lynx", "CO2", "theta", "x 1", "größe", "Druck [kPa]", "v")
TIMES = ("t", "time", "Time", "TIMESTAMP", "date", "ds", "Hour", "day", "elapsed time", "Year", "Time [h]", "t (s)")
IDS = ("id", "ID", "subject", "Patient", "trajectory", "group", "unique_id", "Run", "replicate", "Subject ID")


@dataclass
class Truth:
    """K trajectories as they are.

    Attributes
    ----------
    marks : list of K arrays (L_k,)
        Times as a user has them: numbers, datetime64 or timedelta64.
    states : list of K arrays (L_k, D)
    ids : list of K
    names : list of D str
    time, id : str
        Names of the columns.
    """

    marks: list
    states: list
    ids: list
    names: list
    time: str
    id: str

    @property
    def lengths(self):
        return [len(x) for x in self.states]

    @property
    def times(self):
        """What the door must make of the marks, to the last digit: seconds for dates and durations."""
        kind = self.marks[0].dtype.kind
        if kind in "fiu":
            return [t.astype(float) for t in self.marks]
        start = min(t.min() for t in self.marks) if kind == "M" else np.timedelta64(0, "ms")
        return [(t - start) / np.timedelta64(1, "ms") / 1000.0 for t in self.marks]

    @property
    def pairs(self):
        return list(zip(self.marks, self.states, strict=True))


def make_truth(rng, *, count=None, dim=None, shared=False, kind=None):
    """Draw trajectories of damped waves.

    Parameters
    ----------
    rng : Generator
    count, dim : int, optional
        K and D.
    shared : bool
        Whether all have the same times.
    kind : {"float", "int", "date", "duration"}, optional
    """
    count = count or int(rng.integers(1, 5))
    dim = dim or int(rng.integers(1, 4))
    kind = kind or str(rng.choice(["float", "int", "date", "duration"]))
    lengths = rng.integers(12, 22, count)
    marks = [_marks(rng, kind, length) for length in lengths]
    if shared:
        marks = marks[:1] * count
    scale = 10.0 ** rng.integers(-2, 4)
    states = [_waves(rng, len(t), dim) * scale for t in marks]
    letters = bool(rng.integers(2))
    ids = [f"p{k}" if letters else 7 * k + 3 for k in range(count)]
    names = list(rng.choice(STATES, dim, replace=False))
    return Truth(marks, states, ids, [str(n) for n in names], str(rng.choice(TIMES)), str(rng.choice(IDS)))


def _waves(rng, length, dim):
    phase = np.cumsum(rng.uniform(0.2, 0.5, length))[:, None]
    waves = np.cos(phase * rng.uniform(0.9, 1.1, dim) + rng.uniform(0, 6, dim)) * np.exp(-0.03 * phase)
    return np.round(waves + 0.02 * rng.normal(size=waves.shape), 6)


def _marks(rng, kind, length):
    steps = rng.integers(1, 9, length)
    if kind == "float":
        return np.round(np.cumsum(steps / 7.0), 5)
    whole = rng.integers(-50, 50) + np.cumsum(steps)
    if kind == "int":
        return whole
    if kind == "duration":
        return (whole + 60).astype("timedelta64[m]").astype("timedelta64[ms]")
    start = np.datetime64(f"{rng.integers(1750, 2200)}-0{rng.integers(1, 9)}-11T06:30:00", "ms")
    return start + (whole + 60).astype("timedelta64[h]").astype("timedelta64[ms]")
