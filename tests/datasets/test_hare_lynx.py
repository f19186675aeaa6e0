import subprocess
import sys

import numpy as np
import pytest

import skdyn.datasets
from skdyn.datasets import load_hare_lynx


def test_table():
    data = load_hare_lynx()
    assert data.x.shape == (21, 2)
    assert data.t.dtype == data.x.dtype == np.float64
    np.testing.assert_array_equal(data.t, np.arange(1900, 1921))
    assert data.feature_names == ["hare", "lynx"]
    assert data.units == {"t": "year", "x": "thousands of pelts"}
    assert "Hewitt" in data.DESCR
    # Column sums of the published table, in tenths to be exact.
    np.testing.assert_array_equal(np.round(10 * data.x).sum(axis=0), [7157, 4235])
    np.testing.assert_array_equal(data.t[data.x.argmax(axis=0)], [1903, 1904])
    np.testing.assert_array_equal(data.x[-1], [24.7, 8.6])


def test_each_load_is_fresh():
    load_hare_lynx().x[:] = 0.0
    assert load_hare_lynx().x.min() == 4.0


def test_package_import_is_light():
    code = (
        "import sys, skdyn.datasets\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "skdyn.datasets.load_odebench()\n"
        "assert not {'torch', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "skdyn.datasets.load_hare_lynx()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_resolve():
    for name in skdyn.datasets.__all__:
        assert callable(getattr(skdyn.datasets, name))
    assert dir(skdyn.datasets) == sorted(skdyn.datasets.__all__)
    with pytest.raises(AttributeError, match="no attribute 'iris'"):
        _ = skdyn.datasets.iris
