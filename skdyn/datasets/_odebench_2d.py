"""The 28 two-dimensional systems of ODEBench: equations, constants and initial states."""

from numpy import abs, cos, exp, sin

from skdyn.datasets._odebench_system import ODEBenchSystem, Rates, Values


def _harmonic_oscillator(x0: Values, x1: Values, c0: float) -> Rates:
    return x1, -c0 * x0


def _damped_oscillator(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return x1, -c0 * x0 - c1 * x1


def _competition(x0: Values, x1: Values, c0: float, c1: float, c2: float) -> Rates:
    return x0 * (c0 - x0 - c1 * x1), x1 * (c2 - x0 - x1)


def _lotka_volterra(x0: Values, x1: Values, c0: float, c1: float, c2: float, c3: float) -> Rates:
    return x0 * (c0 - c1 * x1), -x1 * (c2 - c3 * x0)


def _pendulum(x0: Values, x1: Values, c0: float) -> Rates:
    return x1, -c0 * sin(x0)


def _dipole(x0: Values, x1: Values, c0: float) -> Rates:
    return c0 * x0 * x1, x1**2 - x0**2


def _rna_replication(x0: Values, x1: Values, c0: float) -> Rates:
    return x0 * (x1 - c0 * x0 * x1), x1 * (x0 - c0 * x0 * x1)


def _sir(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return -c0 * x0 * x1, c0 * x0 * x1 - c1 * x1


def _double_well(x0: Values, x1: Values, c0: float) -> Rates:
    return x1, -c0 * x1 + x0 - x0**3


def _glider(x0: Values, x1: Values, c0: float) -> Rates:
    return -sin(x1) - c0 * x0**2, x0 - cos(x1) / x0


def _hoop_bead(x0: Values, x1: Values, c0: float) -> Rates:
    return x1, sin(x0) * (cos(x0) - c0)


def _shear_flow_rotation(x0: Values, x1: Values, c0: float) -> Rates:
    return cos(x1) / sin(x1) * cos(x0), sin(x0) * (cos(x1) ** 2 + c0 * sin(x1) ** 2)


def _damped_pendulum(x0: Values, x1: Values, c0: float) -> Rates:
    return x1, -sin(x0) - x1 - c0 * cos(x0) * x1


def _van_der_pol(x0: Values, x1: Values, c0: float) -> Rates:
    return x1, -x0 - c0 * (x0**2 - 1) * x1


def _van_der_pol_lienard(x0: Values, x1: Values, c0: float) -> Rates:
    return c0 * (x1 - x0**3 / 3 + x0), -x0 / c0


def _glycolysis(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return -x0 + c0 * x1 + x0**2 * x1, c1 - c0 * x0 - x0**2 * x1


def _weakly_nonlinear_oscillator(x0: Values, x1: Values, c0: float) -> Rates:
    return x1, -x0 + c0 * x1 * (1 - x0**2)


def _cell_cycle(x0: Values, x1: Values, c0: float, c1: float, c2: float) -> Rates:
    return c0 * (x1 - x0) * (c1 + x0**2) - x0, c2 - x0


def _chlorine_dioxide(x0: Values, x1: Values, c0: float, c1: float, c2: float) -> Rates:
    return c0 - x0 - c1 * x0 * x1 / (1 + x0**2), c2 * x0 * (1 - x1 / (1 + x0**2))


def _josephson_junction(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return x1, c0 - sin(x0) - c1 * x1


def _quadratic_drag_pendulum(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return x1, c0 - sin(x0) - c1 * x1 * abs(x1)


def _gray_scott(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return c0 * (1 - x0) - x0 * x1**2, x0 * x1**2 - c1 * x1


def _bar_magnets(x0: Values, x1: Values, c0: float) -> Rates:
    return c0 * sin(x0 - x1) - sin(x0), c0 * sin(x1 - x0) - sin(x1)


def _binocular_rivalry(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return -x0 + 1 / (1 + exp(c0 * x1 - c1)), -x1 + 1 / (1 + exp(c0 * x0 - c1))


def _bacterial_respiration(x0: Values, x1: Values, c0: float, c1: float, c2: float) -> Rates:
    return c0 - x0 - x0 * x1 / (1 + c1 * x0**2), c2 - x0 * x1 / (1 + c1 * x0**2)


def _brusselator(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return 1 - (c0 + 1) * x0 + c1 * x0**2 * x1, c0 * x0 - c1 * x0**2 * x1


def _schnakenberg(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return c0 - x0 + x0**2 * x1, c1 - x0**2 * x1


def _oscillator_death(x0: Values, x1: Values, c0: float, c1: float) -> Rates:
    return c0 + sin(x1) * cos(x0), c1 + sin(x1) * cos(x0)


SYSTEMS = (
    ODEBenchSystem(
        id=24,
        name="Harmonic oscillator",
        equations=("x1", "-c0 * x0"),
        dim=2,
        constants=(2.1,),
        initial_states=((0.4, -0.03), (0.0, 0.2)),
        rhs=_harmonic_oscillator,
    ),
    ODEBenchSystem(
        id=25,
        name="Damped harmonic oscillator",
        equations=("x1", "-c0 * x0 - c1 * x1"),
        dim=2,
        constants=(4.5, 0.43),
        initial_states=((0.12, 0.043), (0.0, -0.3)),
        rhs=_damped_oscillator,
    ),
    ODEBenchSystem(
        id=26,
        name="Lotka-Volterra competition",
        equations=("x0 * (c0 - x0 - c1 * x1)", "x1 * (c2 - x0 - x1)"),
        dim=2,
        constants=(3.0, 2.0, 2.0),
        initial_states=((5.0, 4.3), (2.3, 3.6)),
        rhs=_competition,
    ),
    ODEBenchSystem(
        id=27,
        name="Lotka-Volterra predation",
        equations=("x0 * (c0 - c1 * x1)", "-x1 * (c2 - c3 * x0)"),
        dim=2,
        constants=(1.84, 1.45, 3.0, 1.62),
        initial_states=((8.3, 3.4), (0.4, 0.65)),
        rhs=_lotka_volterra,
    ),
    ODEBenchSystem(
        id=28,
        name="Frictionless pendulum",
        equations=("x1", "-c0 * sin(x0)"),
        dim=2,
        constants=(0.9,),
        initial_states=((-1.9, 0.0), (0.3, 0.8)),
        rhs=_pendulum,
    ),
    ODEBenchSystem(
        id=29,
        name="Dipole fixed point",
        equations=("c0 * x0 * x1", "x1**2 - x0**2"),
        dim=2,
        constants=(0.65,),
        initial_states=((3.2, 1.4), (1.3, 0.2)),
        rhs=_dipole,
    ),
    ODEBenchSystem(
        id=30,
        name="RNA molecules that catalyse each other",
        equations=("x0 * (x1 - c0 * x0 * x1)", "x1 * (x0 - c0 * x0 * x1)"),
        dim=2,
        constants=(1.61,),
        initial_states=((0.3, 0.04), (0.1, 0.21)),
        rhs=_rna_replication,
    ),
    ODEBenchSystem(
        id=31,
        name="SIR epidemic, susceptible and infected",
        equations=("-c0 * x0 * x1", "c0 * x0 * x1 - c1 * x1"),
        dim=2,
        constants=(0.4, 0.314),
        initial_states=((7.2, 0.98), (20.0, 12.4)),
        rhs=_sir,
    ),
    ODEBenchSystem(
        id=32,
        name="Damped double-well oscillator",
        equations=("x1", "-c0 * x1 + x0 - x0**3"),
        dim=2,
        constants=(0.18,),
        initial_states=((-1.8, -1.8), (5.8, 0.0)),
        rhs=_double_well,
    ),
    ODEBenchSystem(
        id=33,
        name="Glider",
        equations=("-sin(x1) - c0 * x0**2", "x0 - cos(x1) / x0"),
        dim=2,
        constants=(0.08,),
        initial_states=((5.0, 0.7), (9.81, -0.8)),
        rhs=_glider,
    ),
    ODEBenchSystem(
        id=34,
        name="Frictionless bead on a rotating hoop",
        equations=("x1", "sin(x0) * (cos(x0) - c0)"),
        dim=2,
        constants=(0.93,),
        initial_states=((2.1, 0.0), (-1.2, -0.2)),
        rhs=_hoop_bead,
    ),
    ODEBenchSystem(
        id=35,
        name="Rotation of a body in a shear flow",
        equations=("cos(x1) / sin(x1) * cos(x0)", "sin(x0) * (cos(x1)**2 + c0 * sin(x1)**2)"),
        dim=2,
        constants=(4.2,),
        initial_states=((1.13, -0.3), (2.4, 1.7)),
        rhs=_shear_flow_rotation,
    ),
    ODEBenchSystem(
        id=36,
        name="Pendulum with state-dependent damping",
        equations=("x1", "-sin(x0) - x1 - c0 * cos(x0) * x1"),
        dim=2,
        constants=(0.07,),
        initial_states=((0.45, 0.9), (1.34, -0.8)),
        rhs=_damped_pendulum,
    ),
    ODEBenchSystem(
        id=37,
        name="Van der Pol oscillator",
        equations=("x1", "-x0 - c0 * (x0**2 - 1) * x1"),
        dim=2,
        constants=(0.43,),
        initial_states=((2.2, 0.0), (0.1, 3.2)),
        rhs=_van_der_pol,
    ),
    ODEBenchSystem(
        id=38,
        name="Van der Pol oscillator in Lienard's plane",
        equations=("c0 * (x1 - x0**3 / 3 + x0)", "-x0 / c0"),
        dim=2,
        constants=(3.37,),
        initial_states=((0.7, 0.0), (-1.1, -0.7)),
        rhs=_van_der_pol_lienard,
    ),
    ODEBenchSystem(
        id=39,
        name="Glycolytic oscillator",
        equations=("-x0 + c0 * x1 + x0**2 * x1", "c1 - c0 * x0 - x0**2 * x1"),
        dim=2,
        constants=(2.4, 0.07),
        initial_states=((0.4, 0.31), (0.2, -0.7)),
        rhs=_glycolysis,
    ),
    ODEBenchSystem(
        id=40,
        name="Weakly nonlinear Van der Pol-type oscillator",
        equations=("x1", "-x0 + c0 * x1 * (1 - x0**2)"),
        dim=2,
        constants=(0.886,),
        initial_states=((0.63, -0.03), (0.2, 0.2)),
        rhs=_weakly_nonlinear_oscillator,
    ),
    ODEBenchSystem(
        id=41,
        name="Tyson's cell cycle of cdc2 and cyclin",
        equations=("c0 * (x1 - x0) * (c1 + x0**2) - x0", "c2 - x0"),
        dim=2,
        constants=(15.3, 0.001, 0.3),
        initial_states=((0.8, 0.3), (0.02, 1.2)),
        rhs=_cell_cycle,
    ),
    ODEBenchSystem(
        id=42,
        name="Chlorine dioxide-iodine-malonic acid reaction",
        equations=("c0 - x0 - c1 * x0 * x1 / (1 + x0**2)", "c2 * x0 * (1 - x1 / (1 + x0**2))"),
        dim=2,
        constants=(8.9, 4.0, 1.4),
        initial_states=((0.2, 0.35), (3.0, 7.8)),
        rhs=_chlorine_dioxide,
    ),
    ODEBenchSystem(
        id=43,
        name="Driven pendulum with linear damping",
        equations=("x1", "c0 - sin(x0) - c1 * x1"),
        dim=2,
        constants=(1.67, 0.64),
        initial_states=((1.47, -0.2), (-1.9, 0.03)),
        rhs=_josephson_junction,
    ),
    ODEBenchSystem(
        id=44,
        name="Driven pendulum with quadratic damping",
        equations=("x1", "c0 - sin(x0) - c1 * x1 * abs(x1)"),
        dim=2,
        constants=(1.67, 0.64),
        initial_states=((1.47, -0.2), (-1.9, 0.03)),
        rhs=_quadratic_drag_pendulum,
    ),
    ODEBenchSystem(
        id=45,
        name="Gray-Scott autocatalysis",
        equations=("c0 * (1 - x0) - x0 * x1**2", "x0 * x1**2 - c1 * x1"),
        dim=2,
        constants=(0.5, 0.02),
        initial_states=((1.4, 0.2), (0.32, 0.64)),
        rhs=_gray_scott,
    ),
    ODEBenchSystem(
        id=46,
        name="Two interacting bar magnets",
        equations=("c0 * sin(x0 - x1) - sin(x0)", "c0 * sin(x1 - x0) - sin(x1)"),
        dim=2,
        constants=(0.33,),
        initial_states=((0.54, -0.1), (0.43, 1.21)),
        rhs=_bar_magnets,
    ),
    ODEBenchSystem(
        id=47,
        name="Binocular rivalry",
        equations=("-x0 + 1 / (1 + exp(c0 * x1 - c1))", "-x1 + 1 / (1 + exp(c0 * x0 - c1))"),
        dim=2,
        constants=(4.89, 1.4),
        initial_states=((0.65, 0.59), (3.2, 10.3)),
        rhs=_binocular_rivalry,
    ),
    ODEBenchSystem(
        id=48,
        name="Bacterial respiration, nutrient and oxygen",
        equations=("c0 - x0 - x0 * x1 / (1 + c1 * x0**2)", "c2 - x0 * x1 / (1 + c1 * x0**2)"),
        dim=2,
        constants=(18.3, 0.48, 11.23),
        initial_states=((0.1, 30.4), (13.2, 5.21)),
        rhs=_bacterial_respiration,
    ),
    ODEBenchSystem(
        id=49,
        name="Brusselator",
        equations=("1 - (c0 + 1) * x0 + c1 * x0**2 * x1", "c0 * x0 - c1 * x0**2 * x1"),
        dim=2,
        constants=(3.03, 3.1),
        initial_states=((0.7, -1.4), (2.1, 1.3)),
        rhs=_brusselator,
    ),
    ODEBenchSystem(
        id=50,
        name="Schnakenberg oscillator",
        equations=("c0 - x0 + x0**2 * x1", "c1 - x0**2 * x1"),
        dim=2,
        constants=(0.24, 1.43),
        initial_states=((0.14, 0.6), (1.5, 0.9)),
        rhs=_schnakenberg,
    ),
    ODEBenchSystem(
        id=51,
        name="Oscillator death",
        equations=("c0 + sin(x1) * cos(x0)", "c1 + sin(x1) * cos(x0)"),
        dim=2,
        constants=(1.432, 0.972),
        initial_states=((2.2, 0.67), (0.03, -0.12)),
        rhs=_oscillator_death,
    ),
)
