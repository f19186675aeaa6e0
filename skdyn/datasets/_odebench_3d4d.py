"""The 12 three- and four-dimensional systems of ODEBench: equations, constants and initial states."""

from numpy import exp

from skdyn.datasets._odebench_system import ODEBenchSystem, Rates, Values


def _maxwell_bloch(x0: Values, x1: Values, x2: Values, c0: float, c1: float, c2: float, c3: float) -> Rates:
    return c0 * (x1 - x0), c1 * (x0 * x2 - x1), c2 * (c3 + 1 - x2 - c3 * x0 * x1)


def _apoptosis(
    x0: Values,
    x1: Values,
    x2: Values,
    c0: float,
    c1: float,
    c2: float,
    c3: float,
    c4: float,
    c5: float,
    c6: float,
    c7: float,
    c8: float,
    c9: float,
) -> Rates:
    return (
        c0 - c5 * x1 * x0 / (c9 + x0) - c4 * x0,
        c1 * x2 * (c8 + x1) - c2 * x1 / (c6 + x1) - c3 * x0 * x1 / (c7 + x1),
        -c1 * x2 * (c8 + x1) + c2 * x1 / (c6 + x1) + c3 * x0 * x1 / (c7 + x1),
    )


def _lorenz(x0: Values, x1: Values, x2: Values, c0: float, c1: float, c2: float) -> Rates:
    return c0 * (x1 - x0), c1 * x0 - x1 - x0 * x2, x0 * x1 - c2 * x2


def _roessler(x0: Values, x1: Values, x2: Values, c0: float, c1: float, c2: float, c3: float) -> Rates:
    return c3 * (-x1 - x2), c3 * (x0 + c0 * x1), c3 * (c1 + x2 * (x0 - c2))


def _aizawa(
    x0: Values, x1: Values, x2: Values, c0: float, c1: float, c2: float, c3: float, c4: float, c5: float
) -> Rates:
    return (
        x0 * (x2 - c1) - c3 * x1,
        c3 * x0 + x1 * (x2 - c1),
        c2 + c0 * x2 - x2**3 / 3 - (x0**2 + x1**2) * (1 + c4 * x2) + c5 * x2 * x0**3,
    )


def _chen_lee(x0: Values, x1: Values, x2: Values, c0: float, c1: float, c2: float, c3: float) -> Rates:
    return c0 * x0 - x1 * x2, c1 * x1 + x0 * x2, c2 * x2 + x0 * x1 / c3


def _binocular_rivalry_adaptation(
    x0: Values, x1: Values, x2: Values, x3: Values, c0: float, c1: float, c2: float, c3: float
) -> Rates:
    return (
        -x0 + 1 / (1 + exp(c0 * x2 + c1 * x1 - c2)),
        c3 * (x0 - x1),
        -x2 + 1 / (1 + exp(c0 * x0 + c1 * x3 - c2)),
        c3 * (x2 - x3),
    )


def _seir(x0: Values, x1: Values, x2: Values, x3: Values, c0: float, c1: float, c2: float) -> Rates:
    return -c1 * x0 * x2, c1 * x0 * x2 - c0 * x1, c0 * x1 - c2 * x2, c2 * x2


SYSTEMS = (
    ODEBenchSystem(
        id=52,
        name="Maxwell-Bloch laser",
        equations=("c0 * (x1 - x0)", "c1 * (x0 * x2 - x1)", "c2 * (c3 + 1 - x2 - c3 * x0 * x1)"),
        dim=3,
        constants=(0.1, 0.21, 0.34, 3.1),
        initial_states=((1.3, 1.1, 0.89), (0.89, 1.3, 1.1)),
        rhs=_maxwell_bloch,
    ),
    ODEBenchSystem(
        id=53,
        name="Apoptosis",
        equations=(
            "c0 - c5 * x1 * x0 / (c9 + x0) - c4 * x0",
            "c1 * x2 * (c8 + x1) - c2 * x1 / (c6 + x1) - c3 * x0 * x1 / (c7 + x1)",
            "-c1 * x2 * (c8 + x1) + c2 * x1 / (c6 + x1) + c3 * x0 * x1 / (c7 + x1)",
        ),
        dim=3,
        constants=(0.1, 0.6, 0.2, 7.95, 0.05, 0.4, 0.1, 2.0, 0.1, 0.1),
        initial_states=((0.005, 0.26, 2.15), (0.248, 0.0973, 0.0027)),
        rhs=_apoptosis,
    ),
    ODEBenchSystem(
        id=54,
        name="Lorenz system, mild parameters",
        equations=("c0 * (x1 - x0)", "c1 * x0 - x1 - x0 * x2", "x0 * x1 - c2 * x2"),
        dim=3,
        constants=(5.1, 12.0, 1.67),
        initial_states=((2.3, 8.1, 12.4), (10.0, 20.0, 30.0)),
        rhs=_lorenz,
    ),
    ODEBenchSystem(
        id=55,
        name="Lorenz system, large Rayleigh number",
        equations=("c0 * (x1 - x0)", "c1 * x0 - x1 - x0 * x2", "x0 * x1 - c2 * x2"),
        dim=3,
        constants=(10.0, 99.96, 8.0 / 3.0),
        initial_states=((2.3, 8.1, 12.4), (10.0, 20.0, 30.0)),
        rhs=_lorenz,
    ),
    ODEBenchSystem(
        id=56,
        name="Lorenz system, standard parameters",
        equations=("c0 * (x1 - x0)", "c1 * x0 - x1 - x0 * x2", "x0 * x1 - c2 * x2"),
        dim=3,
        constants=(10.0, 28.0, 8.0 / 3.0),
        initial_states=((2.3, 8.1, 12.4), (10.0, 20.0, 30.0)),
        rhs=_lorenz,
    ),
    ODEBenchSystem(
        id=57,
        name="Rössler system, stable fixed point",
        equations=("c3 * (-x1 - x2)", "c3 * (x0 + c0 * x1)", "c3 * (c1 + x2 * (x0 - c2))"),
        dim=3,
        constants=(-0.2, 0.2, 5.7, 5.0),
        initial_states=((2.3, 1.1, 0.8), (-0.1, 4.1, -2.1)),
        rhs=_roessler,
    ),
    ODEBenchSystem(
        id=58,
        name="Rössler system, periodic",
        equations=("c3 * (-x1 - x2)", "c3 * (x0 + c0 * x1)", "c3 * (c1 + x2 * (x0 - c2))"),
        dim=3,
        constants=(0.1, 0.2, 5.7, 5.0),
        initial_states=((2.3, 1.1, 0.8), (-0.1, 4.1, -2.1)),
        rhs=_roessler,
    ),
    ODEBenchSystem(
        id=59,
        name="Rössler system, chaotic",
        equations=("c3 * (-x1 - x2)", "c3 * (x0 + c0 * x1)", "c3 * (c1 + x2 * (x0 - c2))"),
        dim=3,
        constants=(0.2, 0.2, 5.7, 5.0),
        initial_states=((2.3, 1.1, 0.8), (-0.1, 4.1, -2.1)),
        rhs=_roessler,
    ),
    ODEBenchSystem(
        id=60,
        name="Aizawa attractor",
        equations=(
            "x0 * (x2 - c1) - c3 * x1",
            "c3 * x0 + x1 * (x2 - c1)",
            "c2 + c0 * x2 - x2**3 / 3 - (x0**2 + x1**2) * (1 + c4 * x2) + c5 * x2 * x0**3",
        ),
        dim=3,
        constants=(0.95, 0.7, 0.65, 3.5, 0.25, 0.1),
        initial_states=((0.1, 0.05, 0.05), (-0.3, 0.2, 0.1)),
        rhs=_aizawa,
    ),
    ODEBenchSystem(
        id=61,
        name="Chen-Lee attractor",
        equations=("c0 * x0 - x1 * x2", "c1 * x1 + x0 * x2", "c2 * x2 + x0 * x1 / c3"),
        dim=3,
        constants=(5.0, -10.0, -3.8, 3.0),
        initial_states=((15.0, -15.0, -15.0), (8.0, 14.0, -10.0)),
        rhs=_chen_lee,
    ),
    ODEBenchSystem(
        id=62,
        name="Binocular rivalry with adaptation",
        equations=(
            "-x0 + 1 / (1 + exp(c0 * x2 + c1 * x1 - c2))",
            "c3 * (x0 - x1)",
            "-x2 + 1 / (1 + exp(c0 * x0 + c1 * x3 - c2))",
            "c3 * (x2 - x3)",
        ),
        dim=4,
        constants=(0.89, 0.4, 1.4, 1.0),
        initial_states=((2.25, -0.5, -1.13, 0.4), (0.342, -0.431, -0.86, 0.041)),
        rhs=_binocular_rivalry_adaptation,
    ),
    ODEBenchSystem(
        id=63,
        name="SEIR epidemic, proportions",
        equations=("-c1 * x0 * x2", "c1 * x0 * x2 - c0 * x1", "c0 * x1 - c2 * x2", "c2 * x2"),
        dim=4,
        constants=(0.47, 0.28, 0.3),
        initial_states=((0.6, 0.3, 0.09, 0.01), (0.4, 0.3, 0.25, 0.05)),
        rhs=_seir,
    ),
)
