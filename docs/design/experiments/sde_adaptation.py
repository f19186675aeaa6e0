"""What adapters of FIM-SDE gain on three systems: ``python docs/design/experiments/sde_adaptation.py``."""

import tempfile

import numpy as np
import torch

from skdyn import FIMSDERegressor, Trajectories
from skdyn.adaptation import adapt
from skdyn.datasets.sde_systems import load_sde_systems, simulate_sde

EVERY, POINTS = 10, 5000


def main() -> None:
    """Print errors along an independent path and held-out likelihoods, before and after."""
    torch.set_num_threads(1)
    print("| system | drift: before | after | diffusion: before | after | log-likelihood: before | after | steps | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for system in load_sde_systems(["wang-double-well", "duffing", "selkov"]):
        path, other = simulate_sde(system, POINTS, every=EVERY, seeds=(0, 1))
        step = 0.002 * EVERY
        data = Trajectories([(step * np.arange(POINTS), path)])
        result = adapt("fim-sde", data)
        cells = []
        with tempfile.TemporaryDirectory() as folder:
            result.save(folder)
            fitted = [FIMSDERegressor(adapter=a).fit(data) for a in (None, folder)]
        states = other[::10]
        for call, truth in (("predict", system.drift(states)), ("diffusion", system.diffusion(states))):
            size = np.mean(truth**2)
            cells += [f"{np.mean((getattr(e, call)(states) - truth) ** 2) / size:.3g}" for e in fitted]
        cells += [f"{e.score(other, t=step):.4f}" for e in fitted]
        cells += [str(result.record["steps"]), f"{result.record['seconds']:.0f}"]
        print(f"| {system.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
