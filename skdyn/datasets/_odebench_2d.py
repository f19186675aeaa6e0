"""The 28 two-dimensional systems of ODEBench: equations, constants and initial states."""

from numpy import abs, cos, exp, sin

from skdyn.datasets._odebench_system import ODEBenchSystem


def _harmonic_oscillator(x0, x1, c0):
    return (
        x1,
        -c0 * x0,
    )


def _damped_oscillator(x0, x1, c0, c1):
    return (
        x1,
        -c0 * x0 - c1 * x1,
    )


def _competition(x0, x1, c0, c1, c2):
    return (
        x0 * (c0 - x0 - c1 * x1),
        x1 * (c2 - x0 - x1),
    )


def _lotka_volterra(x0, x1, c0, c1, c2, c3):
    return (
        x0 * (c0 - c1 * x1),
        -x1 * (c2 - c3 * x0),
    )


def _pendulum(x0, x1, c0):
    return (
        x1,
        -c0 * sin(x0),
    )


def _dipole(x0, x1, c0):
    return (
        c0 * x0 * x1,
        x1**2 - x0**2,
    )


def _rna_replication(x0, x1, c0):
    return (
        x0 * (x1 - c0 * x0 * x1),
        x1 * (x0 - c0 * x0 * x1),
    )


def _sir(x0, x1, c0, c1):
    return (
        -c0 * x0 * x1,
        c0 * x0 * x1 - c1 * x1,
    )


def _double_well(x0, x1, c0):
    return (
        x1,
        -c0 * x1 + x0 - x0**3,
    )


def _glider(x0, x1, c0):
    return (
        -sin(x1) - c0 * x0**2,
        x0 - cos(x1) / x0,
    )


def _hoop_bead(x0, x1, c0):
    return (
        x1,
        sin(x0) * (cos(x0) - c0),
    )


def _shear_flow_rotation(x0, x1, c0):
    return (
        cos(x1) / sin(x1) * cos(x0),
        sin(x0) * (cos(x1)**2 + c0 * sin(x1)**2),
    )


def _damped_pendulum(x0, x1, c0):
    return (
        x1,
        -sin(x0) - x1 - c0 * cos(x0) * x1,
    )


def _van_der_pol(x0, x1, c0):
    return (
        x1,
        -x0 - c0 * (x0**2 - 1) * x1,
    )


def _van_der_pol_lienard(x0, x1, c0):
    return (
        c0 * (x1 - x0**3 / 3 + x0),
        -x0 / c0,
    )


def _glycolysis(x0, x1, c0, c1):
    return (
        -x0 + c0 * x1 + x0**2 * x1,
        c1 - c0 * x0 - x0**2 * x1,
    )


def _weakly_nonlinear_oscillator(x0, x1, c0):
    return (
        x1,
        -x0 + c0 * x1 * (1 - x0**2),
    )


def _cell_cycle(x0, x1, c0, c1, c2):
    return (
        c0 * (x1 - x0) * (c1 + x0**2) - x0,
        c2 - x0,
    )


def _chlorine_dioxide(x0, x1, c0, c1, c2):
    return (
        c0 - x0 - c1 * x0 * x1 / (1 + x0**2),
        c2 * x0 * (1 - x1 / (1 + x0**2)),
    )


def _josephson_junction(x0, x1, c0, c1):
    return (
        x1,
        c0 - sin(x0) - c1 * x1,
    )


def _quadratic_drag_pendulum(x0, x1, c0, c1):
    return (
        x1,
        c0 - sin(x0) - c1 * x1 * abs(x1),
    )


def _gray_scott(x0, x1, c0, c1):
    return (
        c0 * (1 - x0) - x0 * x1**2,
        x0 * x1**2 - c1 * x1,
    )


def _bar_magnets(x0, x1, c0):
    return (
        c0 * sin(x0 - x1) - sin(x0),
        c0 * sin(x1 - x0) - sin(x1),
    )


def _binocular_rivalry(x0, x1, c0, c1):
    return (
        -x0 + 1 / (1 + exp(c0 * x1 - c1)),
        -x1 + 1 / (1 + exp(c0 * x0 - c1)),
    )


def _bacterial_respiration(x0, x1, c0, c1, c2):
    return (
        c0 - x0 - x0 * x1 / (1 + c1 * x0**2),
        c2 - x0 * x1 / (1 + c1 * x0**2),
    )


def _brusselator(x0, x1, c0, c1):
    return (
        1 - (c0 + 1) * x0 + c1 * x0**2 * x1,
        c0 * x0 - c1 * x0**2 * x1,
    )


def _schnakenberg(x0, x1, c0, c1):
    return (
        c0 - x0 + x0**2 * x1,
        c1 - x0**2 * x1,
    )


def _oscillator_death(x0, x1, c0, c1):
    return (
        c0 + sin(x1) * cos(x0),
        c1 + sin(x1) * cos(x0),
    )


SYSTEMS = (
    ODEBenchSystem(
        24,
        "Harmonic oscillator",
        ("x1", "-c0 * x0"),
        2,
        (2.1,),
        ((0.4, -0.03), (0.0, 0.2)),
        _harmonic_oscillator,
    ),
    ODEBenchSystem(
        25,
        "Damped harmonic oscillator",
        ("x1", "-c0 * x0 - c1 * x1"),
        2,
        (4.5, 0.43),
        ((0.12, 0.043), (0.0, -0.3)),
        _damped_oscillator,
    ),
    ODEBenchSystem(
        26,
        "Lotka-Volterra competition",
        ("x0 * (c0 - x0 - c1 * x1)", "x1 * (c2 - x0 - x1)"),
        2,
        (3.0, 2.0, 2.0),
        ((5.0, 4.3), (2.3, 3.6)),
        _competition,
    ),
    ODEBenchSystem(
        27,
        "Lotka-Volterra predation",
        ("x0 * (c0 - c1 * x1)", "-x1 * (c2 - c3 * x0)"),
        2,
        (1.84, 1.45, 3.0, 1.62),
        ((8.3, 3.4), (0.4, 0.65)),
        _lotka_volterra,
    ),
    ODEBenchSystem(
        28,
        "Frictionless pendulum",
        ("x1", "-c0 * sin(x0)"),
        2,
        (0.9,),
        ((-1.9, 0.0), (0.3, 0.8)),
        _pendulum,
    ),
    ODEBenchSystem(
        29,
        "Dipole fixed point",
        ("c0 * x0 * x1", "x1**2 - x0**2"),
        2,
        (0.65,),
        ((3.2, 1.4), (1.3, 0.2)),
        _dipole,
    ),
    ODEBenchSystem(
        30,
        "RNA molecules that catalyse each other",
        ("x0 * (x1 - c0 * x0 * x1)", "x1 * (x0 - c0 * x0 * x1)"),
        2,
        (1.61,),
        ((0.3, 0.04), (0.1, 0.21)),
        _rna_replication,
    ),
    ODEBenchSystem(
        31,
        "SIR epidemic, susceptible and infected",
        ("-c0 * x0 * x1", "c0 * x0 * x1 - c1 * x1"),
        2,
        (0.4, 0.314),
        ((7.2, 0.98), (20.0, 12.4)),
        _sir,
    ),
    ODEBenchSystem(
        32,
        "Damped double-well oscillator",
        ("x1", "-c0 * x1 + x0 - x0**3"),
        2,
        (0.18,),
        ((-1.8, -1.8), (5.8, 0.0)),
        _double_well,
    ),
    ODEBenchSystem(
        33,
        "Glider",
        ("-sin(x1) - c0 * x0**2", "x0 - cos(x1) / x0"),
        2,
        (0.08,),
        ((5.0, 0.7), (9.81, -0.8)),
        _glider,
    ),
    ODEBenchSystem(
        34,
        "Frictionless bead on a rotating hoop",
        ("x1", "sin(x0) * (cos(x0) - c0)"),
        2,
        (0.93,),
        ((2.1, 0.0), (-1.2, -0.2)),
        _hoop_bead,
    ),
    ODEBenchSystem(
        35,
        "Rotation of a body in a shear flow",
        ("cos(x1) / sin(x1) * cos(x0)", "sin(x0) * (cos(x1)**2 + c0 * sin(x1)**2)"),
        2,
        (4.2,),
        ((1.13, -0.3), (2.4, 1.7)),
        _shear_flow_rotation,
    ),
    ODEBenchSystem(
        36,
        "Pendulum with state-dependent damping",
        ("x1", "-sin(x0) - x1 - c0 * cos(x0) * x1"),
        2,
        (0.07,),
        ((0.45, 0.9), (1.34, -0.8)),
        _damped_pendulum,
    ),
    ODEBenchSystem(
        37,
        "Van der Pol oscillator",
        ("x1", "-x0 - c0 * (x0**2 - 1) * x1"),
        2,
        (0.43,),
        ((2.2, 0.0), (0.1, 3.2)),
        _van_der_pol,
    ),
    ODEBenchSystem(
        38,
        "Van der Pol oscillator in Lienard's plane",
        ("c0 * (x1 - x0**3 / 3 + x0)", "-x0 / c0"),
        2,
        (3.37,),
        ((0.7, 0.0), (-1.1, -0.7)),
        _van_der_pol_lienard,
    ),
    ODEBenchSystem(
        39,
        "Glycolytic oscillator",
        ("-x0 + c0 * x1 + x0**2 * x1", "c1 - c0 * x0 - x0**2 * x1"),
        2,
        (2.4, 0.07),
        ((0.4, 0.31), (0.2, -0.7)),
        _glycolysis,
    ),
    ODEBenchSystem(
        40,
        "Weakly nonlinear Van der Pol-type oscillator",
        ("x1", "-x0 + c0 * x1 * (1 - x0**2)"),
        2,
        (0.886,),
        ((0.63, -0.03), (0.2, 0.2)),
        _weakly_nonlinear_oscillator,
    ),
    ODEBenchSystem(
        41,
        "Tyson's cell cycle of cdc2 and cyclin",
        ("c0 * (x1 - x0) * (c1 + x0**2) - x0", "c2 - x0"),
        2,
        (15.3, 0.001, 0.3),
        ((0.8, 0.3), (0.02, 1.2)),
        _cell_cycle,
    ),
    ODEBenchSystem(
        42,
        "Chlorine dioxide-iodine-malonic acid reaction",
        ("c0 - x0 - c1 * x0 * x1 / (1 + x0**2)", "c2 * x0 * (1 - x1 / (1 + x0**2))"),
        2,
        (8.9, 4.0, 1.4),
        ((0.2, 0.35), (3.0, 7.8)),
        _chlorine_dioxide,
    ),
    ODEBenchSystem(
        43,
        "Driven pendulum with linear damping",
        ("x1", "c0 - sin(x0) - c1 * x1"),
        2,
        (1.67, 0.64),
        ((1.47, -0.2), (-1.9, 0.03)),
        _josephson_junction,
    ),
    ODEBenchSystem(
        44,
        "Driven pendulum with quadratic damping",
        ("x1", "c0 - sin(x0) - c1 * x1 * abs(x1)"),
        2,
        (1.67, 0.64),
        ((1.47, -0.2), (-1.9, 0.03)),
        _quadratic_drag_pendulum,
    ),
    ODEBenchSystem(
        45,
        "Gray-Scott autocatalysis",
        ("c0 * (1 - x0) - x0 * x1**2", "x0 * x1**2 - c1 * x1"),
        2,
        (0.5, 0.02),
        ((1.4, 0.2), (0.32, 0.64)),
        _gray_scott,
    ),
    ODEBenchSystem(
        46,
        "Two interacting bar magnets",
        ("c0 * sin(x0 - x1) - sin(x0)", "c0 * sin(x1 - x0) - sin(x1)"),
        2,
        (0.33,),
        ((0.54, -0.1), (0.43, 1.21)),
        _bar_magnets,
    ),
    ODEBenchSystem(
        47,
        "Binocular rivalry",
        ("-x0 + 1 / (1 + exp(c0 * x1 - c1))", "-x1 + 1 / (1 + exp(c0 * x0 - c1))"),
        2,
        (4.89, 1.4),
        ((0.65, 0.59), (3.2, 10.3)),
        _binocular_rivalry,
    ),
    ODEBenchSystem(
        48,
        "Bacterial respiration, nutrient and oxygen",
        ("c0 - x0 - x0 * x1 / (1 + c1 * x0**2)", "c2 - x0 * x1 / (1 + c1 * x0**2)"),
        2,
        (18.3, 0.48, 11.23),
        ((0.1, 30.4), (13.2, 5.21)),
        _bacterial_respiration,
    ),
    ODEBenchSystem(
        49,
        "Brusselator",
        ("1 - (c0 + 1) * x0 + c1 * x0**2 * x1", "c0 * x0 - c1 * x0**2 * x1"),
        2,
        (3.03, 3.1),
        ((0.7, -1.4), (2.1, 1.3)),
        _brusselator,
    ),
    ODEBenchSystem(
        50,
        "Schnakenberg oscillator",
        ("c0 - x0 + x0**2 * x1", "c1 - x0**2 * x1"),
        2,
        (0.24, 1.43),
        ((0.14, 0.6), (1.5, 0.9)),
        _schnakenberg,
    ),
    ODEBenchSystem(
        51,
        "Oscillator death",
        ("c0 + sin(x1) * cos(x0)", "c1 + sin(x1) * cos(x0)"),
        2,
        (1.432, 0.972),
        ((2.2, 0.67), (0.03, -0.12)),
        _oscillator_death,
    ),
)
