"""Field error on one recording longer or denser than in training, as it is and arranged.

``python docs/design/experiments/long_recordings.py`` prints the table of docs/design/fim-ode.md.
"""

import numpy as np

from skdyn import Trajectories
from skdyn.datasets.classics import lorenz, lotka_volterra, make_trajectories, van_der_pol
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model

CASES = [
    ("van_der_pol", van_der_pol, [2.0, 0.0], 60.0, 2000),
    ("van_der_pol", van_der_pol, [2.0, 0.0], 3.0, 1000),
    ("lotka_volterra", lotka_volterra, [2.0, 0.5], 60.0, 2000),
    ("lotka_volterra", lotka_volterra, [2.0, 0.5], 3.0, 1000),
    ("lorenz", lorenz, [1.0, 2.0, 20.0], 20.0, 2000),
    ("lorenz", lorenz, [1.0, 2.0, 20.0], 1.0, 1000),
]


def error(engine, context, points, truth):
    """Median relative error of the field at ``points``, each variable in units of its root mean square."""
    field, _ = engine.decode(engine.encode([context]), points[None])
    unit = np.sqrt(np.mean(truth**2, axis=0))
    return np.median(np.linalg.norm((field[0] - truth) / unit, axis=1) / np.linalg.norm(truth / unit, axis=1))


def main():
    engine = Engine(load_model("fim-ode"), "cpu")
    print(f"{'system':16}{'span':>6}{'points':>8}{'noise':>7}{'as it is':>10}{'arranged':>10}{'pieces':>8}")
    for name, field, x0, span, count in CASES:
        t = np.linspace(0, span, count)
        clean = make_trajectories(name, [x0], t)[0][1]
        for noise in (0.0, 0.05):
            observed = Trajectories(make_trajectories(name, [x0], t, noise=noise, random_state=0))
            arranged = engine.arrange(observed)
            errors = [error(engine, context, clean, field(clean)) for context in (observed, arranged)]
            print(f"{name:16}{span:6g}{count:8}{noise:7g}{errors[0]:10.3f}{errors[1]:10.3f}{len(arranged):8}")


if __name__ == "__main__":
    main()
