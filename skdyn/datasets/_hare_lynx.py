"""Pelts of snowshoe hares and Canada lynxes, the textbook example of predator and prey."""

import numpy as np
from sklearn.utils import Bunch

# Year, hares and lynxes in thousands of pelts.
_TABLE = (
    (1900, 30.0, 4.0),
    (1901, 47.2, 6.1),
    (1902, 70.2, 9.8),
    (1903, 77.4, 35.2),
    (1904, 36.3, 59.4),
    (1905, 20.6, 41.7),
    (1906, 18.1, 19.0),
    (1907, 21.4, 13.0),
    (1908, 22.0, 8.3),
    (1909, 25.4, 9.1),
    (1910, 27.1, 7.4),
    (1911, 40.3, 8.0),
    (1912, 57.0, 12.3),
    (1913, 76.6, 19.5),
    (1914, 52.3, 45.7),
    (1915, 19.5, 51.1),
    (1916, 11.2, 29.7),
    (1917, 7.6, 15.8),
    (1918, 14.6, 9.7),
    (1919, 16.2, 10.1),
    (1920, 24.7, 8.6),
)

_DESCR = """\
Hudson's Bay Company pelts of snowshoe hare and Canada lynx, 1900-1920

Yearly numbers of pelts that the company took in, in thousands: 21 years, two species. The hares fall as the
lynxes rise, over two cycles of about ten years. The counts stand in for the populations; trapping effort and
the lag of a season between death and trade are part of them.

Sources: C. G. Hewitt, The Conservation of the Wild Life of Canada, 1921; E. P. Odum, Fundamentals of Ecology,
1953; as tabulated by J. M. Mahaffy and used in B. Carpenter's case study of the Lotka-Volterra model, 2018.
"""


def load_hare_lynx() -> Bunch:
    """Yearly pelts of hares and lynxes, 1900 to 1920.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        t : ndarray of shape (21,)
            Years, float64.
        x : ndarray of shape (21, 2)
            Thousands of pelts, float64: hares, then lynxes.
        feature_names : list of str
            ``["hare", "lynx"]``.
        units : dict of str to str
            Units of ``t`` and ``x``.
        DESCR : str
            Description and sources.

    References
    ----------
    C. G. Hewitt, *The Conservation of the Wild Life of Canada*, Scribner, 1921.
    E. P. Odum, *Fundamentals of Ecology*, Saunders, 1953.
    B. Carpenter, *Predator-Prey Population Dynamics: the Lotka-Volterra model in Stan*, 2018.

    Examples
    --------
    >>> from skdyn.datasets import load_hare_lynx
    >>> data = load_hare_lynx()
    >>> data.x[0].tolist()
    [30.0, 4.0]
    """
    table = np.array(_TABLE, dtype=np.float64)
    return Bunch(
        t=table[:, 0].copy(),
        x=table[:, 1:].copy(),
        feature_names=["hare", "lynx"],
        units={"t": "year", "x": "thousands of pelts"},
        DESCR=_DESCR,
    )
