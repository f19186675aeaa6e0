"""Joint angles of people who walk and run, from the motion capture database of Carnegie Mellon University."""

from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from skdyn.datasets._gp_ode import TABLES

_SUBJECTS = ("09", "35", "39")

_DESCR = """\
CMU motion capture, subject {subject}

Fifty joint angles of a person, in degrees, at steps of 0.01: every recording less the mean that the authors of the
selection had taken. Rounded to hundredths of a degree here. Angles 24, 25, 31 and 32 were not measured and are zero.

The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF
EIA-0196217. It may be used and modified freely, and may not be resold in itself.

Selection and parts: P. Hegde, C. Yildiz, H. Lähdesmäki, S. Kaski and M. Heinonen, Variational multiple shooting for
Bayesian ODEs with Gaussian processes, UAI 2022; from github.com/hegdepashupati/gaussian-process-odes, copyright 2018
Pashupati Hegde, MIT licence (skdyn/datasets/tables/LICENSES.txt).
"""


def load_mocap(subject: Literal["09", "35", "39"] = "09") -> Bunch:
    """Joint angles of one person of the CMU motion capture database.

    Parameters
    ----------
    subject : {"09", "35", "39"}, default="09"
        Number of the person: 09 has 6 paths for training, 2 for validation and 2 for tests, of 120 frames; 35 has
        16, 3 and 4 of 300; 39 has 6, 2 and 2 of 300.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        t : array of shape (L,)
            Times of the frames, the same for all paths, at steps of 0.01 as the protocol counts them.
        train, validation, test : arrays of shape (K, L, 50)
            Joint angles in degrees.
        DESCR : str
            Description, acknowledgement and source.

    Raises
    ------
    ValueError
        If there is no such subject.

    References
    ----------
    CMU Graphics Lab Motion Capture Database, http://mocap.cs.cmu.edu.
    P. Hegde, C. Yildiz, H. Lähdesmäki, S. Kaski and M. Heinonen, *Variational multiple shooting for Bayesian
    ODEs with Gaussian processes*, UAI 2022 (for the selection of paths).

    Examples
    --------
    >>> from skdyn.datasets import load_mocap
    >>> load_mocap("09").train.shape
    (6, 120, 50)
    """
    if subject not in _SUBJECTS:
        raise ValueError(f"subject: expected one of {_SUBJECTS}, got {subject!r}")
    with np.load(TABLES / f"mocap_{subject}.npz") as table:
        # Hundredths of a degree as differences along time, (50, K, L): a third of the size of the angles.
        parts = {key: table[key].cumsum(axis=2, dtype=np.int64).transpose(1, 2, 0) / 100.0 for key in table}
    t = 0.01 * np.arange(parts["train"].shape[1])
    return Bunch(t=t, **parts, DESCR=_DESCR.format(subject=subject))
