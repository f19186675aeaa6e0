"""The house's solver beside scipy's, torchdiffeq's and torchode's: ``python docs/design/experiments/solvers.py``.

Every solver gets the same fields, initial states, times and tolerances (1e-5 relative, 1e-6 absolute). Printed are
calls of the field, seconds, and the largest error against scipy's at tolerances of 1e-11. torchdiffeq and torchode are
left out where they are not installed.
"""

import time
import warnings
from importlib.util import find_spec

import numpy as np
from scipy.integrate import solve_ivp

from skdyn.dynamics.simulate import integrate

RTOL, ATOL = 1e-5, 1e-6


def van_der_pol(x):
    return np.stack([x[:, 1], 2 * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)


def with_a_fast_corner(x):
    """A rotation, a hundred times faster beyond a radius of two."""
    fast = np.where((x**2).sum(axis=1, keepdims=True) > 4, 100.0, 1.0)
    return fast * np.stack([-x[:, 1], x[:, 0]], axis=1)


def robertson(x):
    a, b, c = x.T
    slow, back, quick = 0.04 * a, 1e4 * b * c, 3e7 * b * b
    return np.stack([back - slow, slow - back - quick, quick], axis=1)


def robertson_jacobian(x):
    _, b, c = x.T
    one = np.ones_like(b)
    rows = [[-0.04 * one, 1e4 * c, 1e4 * b], [0.04 * one, -1e4 * c - 6e7 * b, -1e4 * b], [0 * one, 6e7 * b, 0 * one]]
    return robertson(x), np.stack([np.stack(row, axis=1) for row in rows], axis=1)


class Counted:
    """A field that counts its calls and refuses more than so many."""

    def __init__(self, field, most=200_000):
        self.field, self.calls, self.most = field, 0, most

    def __call__(self, x):
        self.calls += 1
        if self.calls > self.most:
            raise RuntimeError("too many calls")
        return self.field(x)


def house(field, x0, t, jacobian):
    dim = x0.shape[1]
    return integrate(field, x0, t, center=np.zeros(dim), scale=np.ones(dim), bound=1e6, field_and_jacobian=jacobian)


def ended(found):
    if not found.success:
        raise RuntimeError(found.message)
    return found.y.T


def scipy_rows(method):
    def run(field, x0, t, jacobian):
        options = {} if method == "RK45" or jacobian is None else {"jac": lambda _, x: jacobian(x[None])[1][0]}
        return np.stack(
            [ended(solve_ivp(lambda _, x: field(x[None])[0], t[[0, -1]], x, method, t, rtol=RTOL, atol=ATOL, **options))
             for x in x0]
        )  # fmt: skip

    return run


def scipy_together(field, x0, t, jacobian):
    """All rows as one state: one step size for all, and an error that is a mean over them."""
    found = solve_ivp(lambda _, x: field(x.reshape(x0.shape)).ravel(), t[[0, -1]], x0.ravel(), "RK45", t,
                      rtol=RTOL, atol=ATOL)  # fmt: skip
    return ended(found).reshape(len(t), *x0.shape).transpose(1, 0, 2)


def with_torchdiffeq(field, x0, t, jacobian):
    import torch
    from torchdiffeq import odeint

    found = odeint(lambda _, x: torch.from_numpy(field(x.numpy())), torch.from_numpy(x0), torch.from_numpy(t),
                   rtol=RTOL, atol=ATOL, method="dopri5",
                   options={"norm": lambda e: e.square().mean(-1).sqrt().max()})  # fmt: skip
    return found.numpy().transpose(1, 0, 2)


def with_torchode(field, x0, t, jacobian):
    import torch
    import torchode

    term = torchode.ODETerm(lambda _, x: torch.from_numpy(field(x.numpy())))
    method = torchode.Dopri5(term=term)
    controller = torchode.IntegralController(atol=ATOL, rtol=RTOL, term=term)
    solver = torchode.AutoDiffAdjoint(method, controller)
    times = torch.from_numpy(np.tile(t, (len(x0), 1)))
    return solver.solve(torchode.InitialValueProblem(y0=torch.from_numpy(x0), t_eval=times)).ys.numpy()


SOLVERS = {
    "house, auto": house,
    "scipy RK45, row by row": scipy_rows("RK45"),
    "scipy LSODA, row by row": scipy_rows("LSODA"),
    "scipy Radau, row by row": scipy_rows("Radau"),
    "scipy RK45, all rows as one state": scipy_together,
} | {
    name: run
    for name, run, module in (
        ("torchdiffeq dopri5", with_torchdiffeq, "torchdiffeq"),
        ("torchode dopri5", with_torchode, "torchode"),
    )
    if find_spec(module)
}


def table(title, field, x0, t, jacobian=None):
    truth = np.stack(
        [solve_ivp(lambda _, x: field(x[None])[0], t[[0, -1]], x, "Radau" if jacobian else "DOP853", t,
                   rtol=1e-11, atol=1e-13).y.T for x in x0]
    )  # fmt: skip
    print(f"\n{title}\n| solver | calls | seconds | largest error | change of the last state, asked for alone |")
    print("|---|---|---|---|---|")
    for name, run in SOLVERS.items():
        counted = Counted(field)
        start = time.perf_counter()
        try:
            path = run(counted, x0, t, jacobian)
            seconds = time.perf_counter() - start
            calls = counted.calls
            alone = run(counted, x0[:1], t[[0, -1]], jacobian)
            change = np.abs(alone[0, -1] - path[0, -1]).max()
            print(f"| {name} | {calls} | {seconds:.3f} | {np.abs(path - truth).max():.1e} | {change:.1e} |", flush=True)
        except (RuntimeError, AssertionError, ValueError) as error:
            print(f"| {name} | {counted.calls} | - | {str(error).splitlines()[0][:60]} | - |", flush=True)


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    starts = rng.normal(0, 1.5, (100, 2))
    table("Van der Pol, 100 initial states, 500 times to 12", van_der_pol, starts, np.linspace(0, 12, 500))
    mixed = np.concatenate([[[2.5, 0.0]], rng.uniform(-1, 1, (99, 2))])
    table("One fast state among 100, 50 times to 6", with_a_fast_corner, mixed, np.linspace(0, 6, 50))
    table("Robertson's problem to 1e5", robertson, np.array([[1.0, 0.0, 0.0]]), np.append(0, np.logspace(-1, 5, 13)),
          robertson_jacobian)  # fmt: skip


if __name__ == "__main__":
    main()
