"""Small real tables of several individuals: a drug in the blood, growing trees, the temperature of beavers."""

import csv

import numpy as np
from sklearn.utils import Bunch

from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.datasets._gp_ode import TABLES

_THEOPHYLLINE = """\
Theophylline in the blood of twelve people

Concentrations in serum (mg/L) at eleven times over about a day after one dose by mouth, with the dose in mg per kg of
body weight and the weight in kg. Times are in hours since the dose. Three people had some of the drug in the blood
before.

Source: a study by Dr. Robert Upton, as tabulated in A. J. Boeckmann, L. B. Sheiner and S. L. Beal, NONMEM Users Guide,
Part V, University of California, San Francisco, 1994.
"""

_ORANGE_TREES = """\
Growth of five orange trees

Circumference of the trunk (mm) at seven ages, in days since the end of 1968. All trees were measured at the same ages.

Source: N. R. Draper and H. Smith, Applied Regression Analysis, second edition, Wiley, 1981, exercise 24.N.
"""

_BEAVERS = """\
Body temperature of two beavers

Temperature (degrees Celsius) by telemetry every ten minutes over most of a day, and whether the animal was active
outside its retreat (1) or not (0), which is an input that is held until the next reading. Times are in hours since the
midnight before the first reading.

Source: P. S. Reynolds, Time-series analyses of beaver body temperatures, in Case Studies in Biometry, Wiley, 1994.
"""


def load_theophylline() -> Bunch:
    """Concentrations of theophylline in twelve people after one dose by mouth.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        trajectories : Trajectories
            Twelve of eleven points: ``concentration`` (mg/L) over hours, with the parameters ``dose`` (mg/kg) and
            ``weight`` (kg).
        DESCR : str
            Description and source.

    References
    ----------
    A. J. Boeckmann, L. B. Sheiner and S. L. Beal, *NONMEM Users Guide, Part V*, 1994.

    Examples
    --------
    >>> from skdyn.datasets import load_theophylline
    >>> load_theophylline().trajectories
    Trajectories(12 trajectories, 132 points, 1 variable; parameters: dose, weight)
    """
    items = []
    for subject, rows in _groups("theophylline", "subject"):
        items.append(
            Trajectory(
                rows["time"],
                rows["concentration"],
                ("concentration",),
                subject,
                p=[rows["dose"][0], rows["weight"][0]],
                parameter_names=["dose", "weight"],
            )
        )
    return Bunch(trajectories=Trajectories(items), DESCR=_THEOPHYLLINE)


def load_orange_trees() -> Bunch:
    """Circumferences of five orange trees at seven ages.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        trajectories : Trajectories
            Five of seven points: ``circumference`` (mm) over days.
        DESCR : str
            Description and source.

    References
    ----------
    N. R. Draper and H. Smith, *Applied Regression Analysis*, second edition, Wiley, 1981.

    Examples
    --------
    >>> from skdyn.datasets import load_orange_trees
    >>> load_orange_trees().trajectories
    Trajectories(5 trajectories, 35 points, 1 variable)
    """
    items = [
        Trajectory(rows["age"], rows["circumference"], ("circumference",), tree)
        for tree, rows in _groups("orange_trees", "tree")
    ]
    return Bunch(trajectories=Trajectories(items), DESCR=_ORANGE_TREES)


def load_beavers() -> Bunch:
    """Body temperatures of two beavers, which activity drives.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        trajectories : Trajectories
            Two, of 114 and 100 points: ``temperature`` (degrees Celsius) over hours, with the input ``activity``
            (0 or 1), which is held between readings.
        DESCR : str
            Description and source.

    References
    ----------
    P. S. Reynolds, *Time-series analyses of beaver body temperatures*, in N. Lange et al. (eds), Case Studies in
    Biometry, Wiley, 1994.

    Examples
    --------
    >>> from skdyn.datasets import load_beavers
    >>> load_beavers().trajectories
    Trajectories(2 trajectories, 214 points, 1 variable; inputs: activity)
    """
    items = [
        Trajectory(
            rows["time"] / 60,
            rows["temperature"],
            ("temperature",),
            beaver,
            u=rows["activity"],
            input_names=["activity"],
            interpolation="previous",
        )
        for beaver, rows in _groups("beavers", "beaver")
    ]
    return Bunch(trajectories=Trajectories(items), DESCR=_BEAVERS)


def _groups(table: str, identity: str) -> list[tuple[int, dict[str, np.ndarray]]]:
    """Columns of a table for each individual, in the order of their numbers."""
    with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = dict(zip(header, np.array(rows, dtype=np.float64).T, strict=True))
    numbers = columns.pop(identity)
    return [
        (int(number), {name: values[numbers == number] for name, values in columns.items()})
        for number in np.unique(numbers)
    ]
