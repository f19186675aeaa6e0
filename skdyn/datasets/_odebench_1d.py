"""The 23 one-dimensional systems of ODEBench: equations, constants and initial states."""

from numpy import cos, exp, log, sin

from skdyn.datasets._odebench_system import ODEBenchSystem


def _rc_circuit(x0, c0, c1, c2):
    return ((c0 - x0 / c1) / c2,)


def _exponential_growth(x0, c0):
    return (c0 * x0,)


def _logistic_growth(x0, c0, c1):
    return (c0 * x0 * (1 - x0 / c1),)


def _rc_nonlinear_resistor(x0, c0, c1):
    return (1 / (1 + exp(c0 - x0 / c1)) - 0.5,)


def _falling_body(x0, c0, c1):
    return (c0 - c1 * x0**2,)


def _autocatalysis(x0, c0, c1):
    return (c0 * x0 - c1 * x0**2,)


def _gompertz(x0, c0, c1):
    return (c0 * x0 * log(c1 * x0),)


def _allee_effect(x0, c0, c1, c2):
    return (c0 * x0 * (1 - x0 / c1) * (x0 / c2 - 1),)


def _language_death(x0, c0, c1):
    return ((1 - x0) * c0 - x0 * c1,)


def _language_death_refined(x0, c0, c1):
    return ((1 - x0) * c0 * x0**c1 - x0 * (1 - c0) * (1 - x0)**c1,)


def _critical_slowing(x0):
    return (-x0**3,)


def _laser_photons(x0, c0, c1):
    return (c0 * x0 - c1 * x0**2,)


def _overdamped_bead(x0, c0, c1):
    return (c0 * sin(x0) * (c1 * cos(x0) - 1),)


def _budworm(x0, c0, c1, c2, c3):
    return (c0 * x0 * (1 - x0 / c1) - c3 * x0**2 / (c2**2 + x0**2),)


def _budworm_scaled(x0, c0, c1):
    return (c0 * x0 * (1 - x0 / c1) - x0**2 / (1 + x0**2),)


def _landau(x0, c0, c1, c2):
    return (c0 * x0 - c1 * x0**3 - c2 * x0**5,)


def _constant_harvest(x0, c0, c1, c2):
    return (c0 * x0 * (1 - x0 / c1) - c2,)


def _saturating_harvest(x0, c0, c1, c2, c3):
    return (c0 * x0 * (1 - x0 / c1) - c2 * x0 / (c3 + x0),)


def _saturating_harvest_scaled(x0, c0, c1):
    return (x0 * (1 - x0) - c0 * x0 / (c1 + x0),)


def _gene_switch(x0, c0, c1):
    return (c0 - c1 * x0 + x0**2 / (1 + x0**2),)


def _sir_reduced(x0, c0, c1):
    return (c0 - c1 * x0 - exp(-x0),)


def _protein_hysteresis(x0, c0, c1, c2, c3):
    return (c0 + c1 * x0**5 / (c2 + x0**5) - c3 * x0,)


def _driven_overdamped_pendulum(x0, c0):
    return (c0 - sin(x0),)


SYSTEMS = (
    ODEBenchSystem(
        1,
        "RC circuit charging a capacitor",
        ("(c0 - x0 / c1) / c2",),
        1,
        (0.7, 1.2, 2.31),
        ((10.0,), (3.54,)),
        _rc_circuit,
    ),
    ODEBenchSystem(
        2,
        "Exponential population growth",
        ("c0 * x0",),
        1,
        (0.23,),
        ((4.78,), (0.87,)),
        _exponential_growth,
    ),
    ODEBenchSystem(
        3,
        "Logistic population growth",
        ("c0 * x0 * (1 - x0 / c1)",),
        1,
        (0.79, 74.3),
        ((7.3,), (21.0,)),
        _logistic_growth,
    ),
    ODEBenchSystem(
        4,
        "RC circuit with a nonlinear resistor",
        ("1 / (1 + exp(c0 - x0 / c1)) - 0.5",),
        1,
        (0.5, 0.96),
        ((0.8,), (0.02,)),
        _rc_nonlinear_resistor,
    ),
    ODEBenchSystem(
        5,
        "Falling body with quadratic air drag",
        ("c0 - c1 * x0**2",),
        1,
        (9.81, 0.0021175),
        ((0.5,), (73.0,)),
        _falling_body,
    ),
    ODEBenchSystem(
        6,
        "Autocatalysis of one abundant chemical",
        ("c0 * x0 - c1 * x0**2",),
        1,
        (2.1, 0.5),
        ((0.13,), (2.24,)),
        _autocatalysis,
    ),
    ODEBenchSystem(
        7,
        "Gompertz tumour growth",
        ("c0 * x0 * log(c1 * x0)",),
        1,
        (0.032, 2.29),
        ((1.73,), (9.5,)),
        _gompertz,
    ),
    ODEBenchSystem(
        8,
        "Logistic growth with an Allee effect",
        ("c0 * x0 * (1 - x0 / c1) * (x0 / c2 - 1)",),
        1,
        (0.14, 130.0, 4.4),
        ((6.123,), (2.1,)),
        _allee_effect,
    ),
    ODEBenchSystem(
        9,
        "Language death, linear switching",
        ("(1 - x0) * c0 - x0 * c1",),
        1,
        (0.32, 0.28),
        ((0.14,), (0.55,)),
        _language_death,
    ),
    ODEBenchSystem(
        10,
        "Language death, power-law switching",
        ("(1 - x0) * c0 * x0**c1 - x0 * (1 - c0) * (1 - x0)**c1",),
        1,
        (0.2, 1.2),
        ((0.83,), (0.34,)),
        _language_death_refined,
    ),
    ODEBenchSystem(
        11,
        "Critical slowing down",
        ("-x0**3",),
        1,
        (),
        ((3.4,), (1.6,)),
        _critical_slowing,
    ),
    ODEBenchSystem(
        12,
        "Photons in a simple laser",
        ("c0 * x0 - c1 * x0**2",),
        1,
        (1.8, 0.1107),
        ((11.0,), (1.3,)),
        _laser_photons,
    ),
    ODEBenchSystem(
        13,
        "Overdamped bead on a rotating hoop",
        ("c0 * sin(x0) * (c1 * cos(x0) - 1)",),
        1,
        (0.0981, 9.7),
        ((3.1,), (2.4,)),
        _overdamped_bead,
    ),
    ODEBenchSystem(
        14,
        "Budworm outbreak under predation",
        ("c0 * x0 * (1 - x0 / c1) - c3 * x0**2 / (c2**2 + x0**2)",),
        1,
        (0.78, 81.0, 21.2, 0.9),
        ((2.76,), (23.3,)),
        _budworm,
    ),
    ODEBenchSystem(
        15,
        "Budworm outbreak, dimensionless",
        ("c0 * x0 * (1 - x0 / c1) - x0**2 / (1 + x0**2)",),
        1,
        (0.4, 95.0),
        ((44.3,), (4.5,)),
        _budworm_scaled,
    ),
    ODEBenchSystem(
        16,
        "Landau equation, fifth order",
        ("c0 * x0 - c1 * x0**3 - c2 * x0**5",),
        1,
        (0.1, -0.04, 0.001),
        ((0.94,), (1.65,)),
        _landau,
    ),
    ODEBenchSystem(
        17,
        "Logistic growth with constant harvesting",
        ("c0 * x0 * (1 - x0 / c1) - c2",),
        1,
        (0.4, 100.0, 0.3),
        ((14.3,), (34.2,)),
        _constant_harvest,
    ),
    ODEBenchSystem(
        18,
        "Logistic growth with saturating harvesting",
        ("c0 * x0 * (1 - x0 / c1) - c2 * x0 / (c3 + x0)",),
        1,
        (0.4, 100.0, 0.24, 50.0),
        ((21.1,), (44.1,)),
        _saturating_harvest,
    ),
    ODEBenchSystem(
        19,
        "Saturating harvesting, dimensionless",
        ("x0 * (1 - x0) - c0 * x0 / (c1 + x0)",),
        1,
        (0.08, 0.8),
        ((0.13,), (0.03,)),
        _saturating_harvest_scaled,
    ),
    ODEBenchSystem(
        20,
        "Autocatalytic gene switch",
        ("c0 - c1 * x0 + x0**2 / (1 + x0**2)",),
        1,
        (0.1, 0.55),
        ((0.002,), (0.25,)),
        _gene_switch,
    ),
    ODEBenchSystem(
        21,
        "SIR epidemic reduced to its removed",
        ("c0 - c1 * x0 - exp(-x0)",),
        1,
        (1.2, 0.2),
        ((0.0,), (0.8,)),
        _sir_reduced,
    ),
    ODEBenchSystem(
        22,
        "Hysteretic protein expression",
        ("c0 + c1 * x0**5 / (c2 + x0**5) - c3 * x0",),
        1,
        (1.4, 0.4, 123.0, 0.89),
        ((3.1,), (6.3,)),
        _protein_hysteresis,
    ),
    ODEBenchSystem(
        23,
        "Overdamped pendulum under constant torque",
        ("c0 - sin(x0)",),
        1,
        (0.21,),
        ((-2.74,), (1.65,)),
        _driven_overdamped_pendulum,
    ),
)
