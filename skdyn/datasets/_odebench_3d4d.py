"""The 12 three- and four-dimensional systems of ODEBench: equations, constants and initial states."""

from numpy import exp

from skdyn.datasets._odebench_system import ODEBenchSystem


def _maxwell_bloch(x0, x1, x2, c0, c1, c2, c3):
    return (
        c0 * (x1 - x0),
        c1 * (x0 * x2 - x1),
        c2 * (c3 + 1 - x2 - c3 * x0 * x1),
    )


def _apoptosis(x0, x1, x2, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9):
    return (
        c0 - c5 * x1 * x0 / (c9 + x0) - c4 * x0,
        c1 * x2 * (c8 + x1) - c2 * x1 / (c6 + x1) - c3 * x0 * x1 / (c7 + x1),
        -c1 * x2 * (c8 + x1) + c2 * x1 / (c6 + x1) + c3 * x0 * x1 / (c7 + x1),
    )


def _lorenz(x0, x1, x2, c0, c1, c2):
    return (
        c0 * (x1 - x0),
        c1 * x0 - x1 - x0 * x2,
        x0 * x1 - c2 * x2,
    )


def _roessler(x0, x1, x2, c0, c1, c2, c3):
    return (
        c3 * (-x1 - x2),
        c3 * (x0 + c0 * x1),
        c3 * (c1 + x2 * (x0 - c2)),
    )


def _aizawa(x0, x1, x2, c0, c1, c2, c3, c4, c5):
    return (
        x0 * (x2 - c1) - c3 * x1,
        c3 * x0 + x1 * (x2 - c1),
        c2 + c0 * x2 - x2**3 / 3 - (x0**2 + x1**2) * (1 + c4 * x2) + c5 * x2 * x0**3,
    )


def _chen_lee(x0, x1, x2, c0, c1, c2, c3):
    return (
        c0 * x0 - x1 * x2,
        c1 * x1 + x0 * x2,
        c2 * x2 + x0 * x1 / c3,
    )


def _binocular_rivalry_adaptation(x0, x1, x2, x3, c0, c1, c2, c3):
    return (
        -x0 + 1 / (1 + exp(c0 * x2 + c1 * x1 - c2)),
        c3 * (x0 - x1),
        -x2 + 1 / (1 + exp(c0 * x0 + c1 * x3 - c2)),
        c3 * (x2 - x3),
    )


def _seir(x0, x1, x2, x3, c0, c1, c2):
    return (
        -c1 * x0 * x2,
        c1 * x0 * x2 - c0 * x1,
        c0 * x1 - c2 * x2,
        c2 * x2,
    )


SYSTEMS = (
    ODEBenchSystem(
        52,
        "Maxwell-Bloch laser",
        ("c0 * (x1 - x0)", "c1 * (x0 * x2 - x1)", "c2 * (c3 + 1 - x2 - c3 * x0 * x1)"),
        3,
        (0.1, 0.21, 0.34, 3.1),
        ((1.3, 1.1, 0.89), (0.89, 1.3, 1.1)),
        _maxwell_bloch,
    ),
    ODEBenchSystem(
        53,
        "Apoptosis",
        ("c0 - c5 * x1 * x0 / (c9 + x0) - c4 * x0", "c1 * x2 * (c8 + x1) - c2 * x1 / (c6 + x1) - c3 * x0 * x1 / (c7 + x1)", "-c1 * x2 * (c8 + x1) + c2 * x1 / (c6 + x1) + c3 * x0 * x1 / (c7 + x1)"),
        3,
        (0.1, 0.6, 0.2, 7.95, 0.05, 0.4, 0.1, 2.0, 0.1, 0.1),
        ((0.005, 0.26, 2.15), (0.248, 0.0973, 0.0027)),
        _apoptosis,
    ),
    ODEBenchSystem(
        54,
        "Lorenz system, mild parameters",
        ("c0 * (x1 - x0)", "c1 * x0 - x1 - x0 * x2", "x0 * x1 - c2 * x2"),
        3,
        (5.1, 12.0, 1.67),
        ((2.3, 8.1, 12.4), (10.0, 20.0, 30.0)),
        _lorenz,
    ),
    ODEBenchSystem(
        55,
        "Lorenz system, large Rayleigh number",
        ("c0 * (x1 - x0)", "c1 * x0 - x1 - x0 * x2", "x0 * x1 - c2 * x2"),
        3,
        (10.0, 99.96, 8.0 / 3.0),
        ((2.3, 8.1, 12.4), (10.0, 20.0, 30.0)),
        _lorenz,
    ),
    ODEBenchSystem(
        56,
        "Lorenz system, standard parameters",
        ("c0 * (x1 - x0)", "c1 * x0 - x1 - x0 * x2", "x0 * x1 - c2 * x2"),
        3,
        (10.0, 28.0, 8.0 / 3.0),
        ((2.3, 8.1, 12.4), (10.0, 20.0, 30.0)),
        _lorenz,
    ),
    ODEBenchSystem(
        57,
        "Rössler system, stable fixed point",
        ("c3 * (-x1 - x2)", "c3 * (x0 + c0 * x1)", "c3 * (c1 + x2 * (x0 - c2))"),
        3,
        (-0.2, 0.2, 5.7, 5.0),
        ((2.3, 1.1, 0.8), (-0.1, 4.1, -2.1)),
        _roessler,
    ),
    ODEBenchSystem(
        58,
        "Rössler system, periodic",
        ("c3 * (-x1 - x2)", "c3 * (x0 + c0 * x1)", "c3 * (c1 + x2 * (x0 - c2))"),
        3,
        (0.1, 0.2, 5.7, 5.0),
        ((2.3, 1.1, 0.8), (-0.1, 4.1, -2.1)),
        _roessler,
    ),
    ODEBenchSystem(
        59,
        "Rössler system, chaotic",
        ("c3 * (-x1 - x2)", "c3 * (x0 + c0 * x1)", "c3 * (c1 + x2 * (x0 - c2))"),
        3,
        (0.2, 0.2, 5.7, 5.0),
        ((2.3, 1.1, 0.8), (-0.1, 4.1, -2.1)),
        _roessler,
    ),
    ODEBenchSystem(
        60,
        "Aizawa attractor",
        ("x0 * (x2 - c1) - c3 * x1", "c3 * x0 + x1 * (x2 - c1)", "c2 + c0 * x2 - x2**3 / 3 - (x0**2 + x1**2) * (1 + c4 * x2) + c5 * x2 * x0**3"),
        3,
        (0.95, 0.7, 0.65, 3.5, 0.25, 0.1),
        ((0.1, 0.05, 0.05), (-0.3, 0.2, 0.1)),
        _aizawa,
    ),
    ODEBenchSystem(
        61,
        "Chen-Lee attractor",
        ("c0 * x0 - x1 * x2", "c1 * x1 + x0 * x2", "c2 * x2 + x0 * x1 / c3"),
        3,
        (5.0, -10.0, -3.8, 3.0),
        ((15.0, -15.0, -15.0), (8.0, 14.0, -10.0)),
        _chen_lee,
    ),
    ODEBenchSystem(
        62,
        "Binocular rivalry with adaptation",
        ("-x0 + 1 / (1 + exp(c0 * x2 + c1 * x1 - c2))", "c3 * (x0 - x1)", "-x2 + 1 / (1 + exp(c0 * x0 + c1 * x3 - c2))", "c3 * (x2 - x3)"),
        4,
        (0.89, 0.4, 1.4, 1.0),
        ((2.25, -0.5, -1.13, 0.4), (0.342, -0.431, -0.86, 0.041)),
        _binocular_rivalry_adaptation,
    ),
    ODEBenchSystem(
        63,
        "SEIR epidemic, proportions",
        ("-c1 * x0 * x2", "c1 * x0 * x2 - c0 * x1", "c0 * x1 - c2 * x2", "c2 * x2"),
        4,
        (0.47, 0.28, 0.3),
        ((0.6, 0.3, 0.09, 0.01), (0.4, 0.3, 0.25, 0.05)),
        _seir,
    ),
)
