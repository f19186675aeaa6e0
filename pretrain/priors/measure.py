"""Accuracy and speed of the simulator: ``python -m pretrain.priors.measure``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch

from pretrain.priors import FAMILIES, PRIORS, BatchedField, Mixture
from pretrain.priors.simulate import SimulationConfig, Simulator
from pretrain.run.distributed import device_asked


def accuracy(family: str, dim: int, n: int, seed: int, config: SimulationConfig, within: float = 10.0) -> np.ndarray:
    """Errors of the simulator against scipy's DOP853 (rtol 1e-10, atol 1e-12) on kept systems of one family.

    Returns
    -------
    array of shape (m, 2)
        For the first valid path of each of ``m <= n`` kept systems: the largest error of any component, divided by
        the system's largest standard deviation, over the first ``within`` units of normalised time and over the whole
        path (where chaos makes any two solvers part).
    """
    from scipy.integrate import solve_ivp

    generator = torch.Generator().manual_seed(seed)
    simulator = Simulator(Mixture({family: 1.0}), config)
    batch = FAMILIES[family].sample(20 * n, dim, generator)
    systems, kept = simulator.simulate(batch, generator, torch.zeros(len(batch), dtype=torch.int64))
    double = batch.select(kept).to(torch.float64)
    errors = []
    for s in range(min(n, len(systems))):
        one = double.select(torch.tensor([s]))
        path = int(systems.valid[s].nonzero()[0, 0])
        ours = systems.states[s, path].double().numpy()
        times = np.linspace(0.0, float(systems.horizon[s]), config.points)

        def rates(_: float, x: np.ndarray, one: BatchedField = one) -> np.ndarray:
            return one(torch.from_numpy(x)[None, None])[0, 0].numpy()

        solution = solve_ivp(rates, (0.0, times[-1]), ours[0], method="DOP853", t_eval=times, rtol=1e-10, atol=1e-12)
        spread = systems.states[s][systems.valid[s]].flatten(0, 1).std(0).max().item()
        error = np.abs(solution.y.T - ours[: solution.y.shape[1]]).max(-1) / spread
        early = times[: len(error)] * float(systems.duration[s] / systems.horizon[s]) <= within
        whole = error.max() if len(error) == len(ours) else np.inf
        errors.append((error[early].max(), whole))
    return np.array(errors).reshape(-1, 2)


def speed(n: int, dim: int, seed: int, device: torch.device) -> float:
    """Systems of the mixture per second, after a first call that compiles."""
    simulator = Simulator(Mixture(PRIORS["mixture"]), SimulationConfig(), compiled=device.type == "cuda")
    generator = torch.Generator(device).manual_seed(seed)
    simulator.draw(n, dim, generator)
    started = time.perf_counter()
    simulator.draw(n, dim, generator).horizon.sum().item()  # waits for the device
    return n / (time.perf_counter() - started)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the accuracy of every family against scipy, or the speed."""
    parser = argparse.ArgumentParser(prog="python -m pretrain.priors.measure", description=main.__doc__)
    parser.add_argument("--systems", type=int, default=20, help="systems per family and dimension (default 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", action="store_true", help="print systems simulated per second instead")
    parser.add_argument("--device", default="auto", help="for --speed: auto, cuda or cpu (default auto)")
    options = parser.parse_args(arguments)
    if options.speed:
        device = device_asked(parser, options.device)
        for dim in (1, 2, 3):
            rate = speed(options.systems, dim, options.seed, device)
            print(f"D = {dim}: {rate:,.0f} systems a second, 8 paths of 200 points, drawn, simulated and tested")
        return
    print("Largest error along a path in standard deviations of the system, against scipy's DOP853 at rtol 1e-10")
    print(f"{'family':<15} {'D':>1} {'systems':>7} | first 10 units: median, max | whole path: median, max")
    for name, family in FAMILIES.items():
        for dim in family.dims:
            errors = accuracy(name, dim, options.systems, options.seed, SimulationConfig())
            if len(errors) == 0:
                print(f"{name:<15} {dim} {0:>7} | none kept")
                continue
            (early, whole), (early_max, whole_max) = np.median(errors, axis=0), errors.max(axis=0)
            print(
                f"{name:<15} {dim} {len(errors):>7} | {early:>15.1e} {early_max:>11.1e}"
                f" | {whole:>11.1e} {whole_max:>9.1e}"
            )


if __name__ == "__main__":
    main()
