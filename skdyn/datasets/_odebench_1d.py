"""The 23 one-dimensional systems of ODEBench: equations, constants and initial states."""

from numpy import cos, exp, log, sin

from skdyn.datasets._odebench_system import ODEBenchSystem, Rates, Values


def _rc_circuit(x0: Values, c0: float, c1: float, c2: float) -> Rates:
    return ((c0 - x0 / c1) / c2,)


def _exponential_growth(x0: Values, c0: float) -> Rates:
    return (c0 * x0,)


def _logistic_growth(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 * x0 * (1 - x0 / c1),)


def _rc_nonlinear_resistor(x0: Values, c0: float, c1: float) -> Rates:
    return (1 / (1 + exp(c0 - x0 / c1)) - 0.5,)


def _falling_body(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 - c1 * x0**2,)


def _autocatalysis(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 * x0 - c1 * x0**2,)


def _gompertz(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 * x0 * log(c1 * x0),)


def _allee_effect(x0: Values, c0: float, c1: float, c2: float) -> Rates:
    return (c0 * x0 * (1 - x0 / c1) * (x0 / c2 - 1),)


def _language_death(x0: Values, c0: float, c1: float) -> Rates:
    return ((1 - x0) * c0 - x0 * c1,)


def _language_death_refined(x0: Values, c0: float, c1: float) -> Rates:
    return ((1 - x0) * c0 * x0**c1 - x0 * (1 - c0) * (1 - x0) ** c1,)


def _critical_slowing(x0: Values) -> Rates:
    return (-(x0**3),)


def _laser_photons(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 * x0 - c1 * x0**2,)


def _overdamped_bead(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 * sin(x0) * (c1 * cos(x0) - 1),)


def _budworm(x0: Values, c0: float, c1: float, c2: float, c3: float) -> Rates:
    return (c0 * x0 * (1 - x0 / c1) - c3 * x0**2 / (c2**2 + x0**2),)


def _budworm_scaled(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 * x0 * (1 - x0 / c1) - x0**2 / (1 + x0**2),)


def _landau(x0: Values, c0: float, c1: float, c2: float) -> Rates:
    return (c0 * x0 - c1 * x0**3 - c2 * x0**5,)


def _constant_harvest(x0: Values, c0: float, c1: float, c2: float) -> Rates:
    return (c0 * x0 * (1 - x0 / c1) - c2,)


def _saturating_harvest(x0: Values, c0: float, c1: float, c2: float, c3: float) -> Rates:
    return (c0 * x0 * (1 - x0 / c1) - c2 * x0 / (c3 + x0),)


def _saturating_harvest_scaled(x0: Values, c0: float, c1: float) -> Rates:
    return (x0 * (1 - x0) - c0 * x0 / (c1 + x0),)


def _gene_switch(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 - c1 * x0 + x0**2 / (1 + x0**2),)


def _sir_reduced(x0: Values, c0: float, c1: float) -> Rates:
    return (c0 - c1 * x0 - exp(-x0),)


def _protein_hysteresis(x0: Values, c0: float, c1: float, c2: float, c3: float) -> Rates:
    return (c0 + c1 * x0**5 / (c2 + x0**5) - c3 * x0,)


def _driven_overdamped_pendulum(x0: Values, c0: float) -> Rates:
    return (c0 - sin(x0),)


SYSTEMS = (
    ODEBenchSystem(
        id=1,
        name="RC circuit charging a capacitor",
        equations=("(c0 - x0 / c1) / c2",),
        dim=1,
        constants=(0.7, 1.2, 2.31),
        initial_states=((10.0,), (3.54,)),
        rhs=_rc_circuit,
    ),
    ODEBenchSystem(
        id=2,
        name="Exponential population growth",
        equations=("c0 * x0",),
        dim=1,
        constants=(0.23,),
        initial_states=((4.78,), (0.87,)),
        rhs=_exponential_growth,
    ),
    ODEBenchSystem(
        id=3,
        name="Logistic population growth",
        equations=("c0 * x0 * (1 - x0 / c1)",),
        dim=1,
        constants=(0.79, 74.3),
        initial_states=((7.3,), (21.0,)),
        rhs=_logistic_growth,
    ),
    ODEBenchSystem(
        id=4,
        name="RC circuit with a nonlinear resistor",
        equations=("1 / (1 + exp(c0 - x0 / c1)) - 0.5",),
        dim=1,
        constants=(0.5, 0.96),
        initial_states=((0.8,), (0.02,)),
        rhs=_rc_nonlinear_resistor,
    ),
    ODEBenchSystem(
        id=5,
        name="Falling body with quadratic air drag",
        equations=("c0 - c1 * x0**2",),
        dim=1,
        constants=(9.81, 0.0021175),
        initial_states=((0.5,), (73.0,)),
        rhs=_falling_body,
    ),
    ODEBenchSystem(
        id=6,
        name="Autocatalysis of one abundant chemical",
        equations=("c0 * x0 - c1 * x0**2",),
        dim=1,
        constants=(2.1, 0.5),
        initial_states=((0.13,), (2.24,)),
        rhs=_autocatalysis,
    ),
    ODEBenchSystem(
        id=7,
        name="Gompertz tumour growth",
        equations=("c0 * x0 * log(c1 * x0)",),
        dim=1,
        constants=(0.032, 2.29),
        initial_states=((1.73,), (9.5,)),
        rhs=_gompertz,
    ),
    ODEBenchSystem(
        id=8,
        name="Logistic growth with an Allee effect",
        equations=("c0 * x0 * (1 - x0 / c1) * (x0 / c2 - 1)",),
        dim=1,
        constants=(0.14, 130.0, 4.4),
        initial_states=((6.123,), (2.1,)),
        rhs=_allee_effect,
    ),
    ODEBenchSystem(
        id=9,
        name="Language death, linear switching",
        equations=("(1 - x0) * c0 - x0 * c1",),
        dim=1,
        constants=(0.32, 0.28),
        initial_states=((0.14,), (0.55,)),
        rhs=_language_death,
    ),
    ODEBenchSystem(
        id=10,
        name="Language death, power-law switching",
        equations=("(1 - x0) * c0 * x0**c1 - x0 * (1 - c0) * (1 - x0)**c1",),
        dim=1,
        constants=(0.2, 1.2),
        initial_states=((0.83,), (0.34,)),
        rhs=_language_death_refined,
    ),
    ODEBenchSystem(
        id=11,
        name="Critical slowing down",
        equations=("-x0**3",),
        dim=1,
        constants=(),
        initial_states=((3.4,), (1.6,)),
        rhs=_critical_slowing,
    ),
    ODEBenchSystem(
        id=12,
        name="Photons in a simple laser",
        equations=("c0 * x0 - c1 * x0**2",),
        dim=1,
        constants=(1.8, 0.1107),
        initial_states=((11.0,), (1.3,)),
        rhs=_laser_photons,
    ),
    ODEBenchSystem(
        id=13,
        name="Overdamped bead on a rotating hoop",
        equations=("c0 * sin(x0) * (c1 * cos(x0) - 1)",),
        dim=1,
        constants=(0.0981, 9.7),
        initial_states=((3.1,), (2.4,)),
        rhs=_overdamped_bead,
    ),
    ODEBenchSystem(
        id=14,
        name="Budworm outbreak under predation",
        equations=("c0 * x0 * (1 - x0 / c1) - c3 * x0**2 / (c2**2 + x0**2)",),
        dim=1,
        constants=(0.78, 81.0, 21.2, 0.9),
        initial_states=((2.76,), (23.3,)),
        rhs=_budworm,
    ),
    ODEBenchSystem(
        id=15,
        name="Budworm outbreak, dimensionless",
        equations=("c0 * x0 * (1 - x0 / c1) - x0**2 / (1 + x0**2)",),
        dim=1,
        constants=(0.4, 95.0),
        initial_states=((44.3,), (4.5,)),
        rhs=_budworm_scaled,
    ),
    ODEBenchSystem(
        id=16,
        name="Landau equation, fifth order",
        equations=("c0 * x0 - c1 * x0**3 - c2 * x0**5",),
        dim=1,
        constants=(0.1, -0.04, 0.001),
        initial_states=((0.94,), (1.65,)),
        rhs=_landau,
    ),
    ODEBenchSystem(
        id=17,
        name="Logistic growth with constant harvesting",
        equations=("c0 * x0 * (1 - x0 / c1) - c2",),
        dim=1,
        constants=(0.4, 100.0, 0.3),
        initial_states=((14.3,), (34.2,)),
        rhs=_constant_harvest,
    ),
    ODEBenchSystem(
        id=18,
        name="Logistic growth with saturating harvesting",
        equations=("c0 * x0 * (1 - x0 / c1) - c2 * x0 / (c3 + x0)",),
        dim=1,
        constants=(0.4, 100.0, 0.24, 50.0),
        initial_states=((21.1,), (44.1,)),
        rhs=_saturating_harvest,
    ),
    ODEBenchSystem(
        id=19,
        name="Saturating harvesting, dimensionless",
        equations=("x0 * (1 - x0) - c0 * x0 / (c1 + x0)",),
        dim=1,
        constants=(0.08, 0.8),
        initial_states=((0.13,), (0.03,)),
        rhs=_saturating_harvest_scaled,
    ),
    ODEBenchSystem(
        id=20,
        name="Autocatalytic gene switch",
        equations=("c0 - c1 * x0 + x0**2 / (1 + x0**2)",),
        dim=1,
        constants=(0.1, 0.55),
        initial_states=((0.002,), (0.25,)),
        rhs=_gene_switch,
    ),
    ODEBenchSystem(
        id=21,
        name="SIR epidemic reduced to its removed",
        equations=("c0 - c1 * x0 - exp(-x0)",),
        dim=1,
        constants=(1.2, 0.2),
        initial_states=((0.0,), (0.8,)),
        rhs=_sir_reduced,
    ),
    ODEBenchSystem(
        id=22,
        name="Hysteretic protein expression",
        equations=("c0 + c1 * x0**5 / (c2 + x0**5) - c3 * x0",),
        dim=1,
        constants=(1.4, 0.4, 123.0, 0.89),
        initial_states=((3.1,), (6.3,)),
        rhs=_protein_hysteresis,
    ),
    ODEBenchSystem(
        id=23,
        name="Overdamped pendulum under constant torque",
        equations=("c0 - sin(x0)",),
        dim=1,
        constants=(0.21,),
        initial_states=((-2.74,), (1.65,)),
        rhs=_driven_overdamped_pendulum,
    ),
)
