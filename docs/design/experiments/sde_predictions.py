"""How held-out transitions of systems drawn from the prior are predicted: by FIM-SDE, its equation alone, linear ones.

Recordings of 60 to 400 points that last .7 to 80 of the system's units of time, some noisy, some with half of their
points dropped, are split as `python -m skdyn.benchmarks sde --real` splits series. Printed are differences from the
best of three linear models (Brownian motion, Ornstein-Uhlenbeck, the latter with noise, each with its parameters
integrated out, where it has more than 1e-5 of the evidence), in nats a transition; means are of differences cut at 3.
`PYTHONPATH=. python docs/design/experiments/sde_predictions.py [recordings]`; of two variables a third as many.
"""

import dataclasses
import sys
import warnings

import numpy as np
import torch

from pretrain.priors import Mixture, prior_weights
from pretrain.priors.diffusion import DIFFUSIONS
from pretrain.priors.simulate_sde import Regime, SDESimulator
from skdyn import FIMSDERegressor, Trajectories
from skdyn.dynamics.linear_sde import LinearSDE
from skdyn.exceptions import ModelWarning

SEED = 6
REGIME = Regime(paths=1, points=400, substeps=12, weight=1.0, duration=(0.7, 80.0))


def recordings(count, dim, rng):
    """Times, states and the deviations (D,) of their noise, of so many recordings as the docstring describes."""
    simulator = SDESimulator(Mixture(prior_weights("noisy")), DIFFUSIONS["mixture"])
    generator = torch.Generator().manual_seed(SEED + dim)
    for batch in simulator.draw(count, dim, REGIME, generator):
        for states, step in zip(batch.states[:, 0].numpy().astype(float), batch.step.tolist(), strict=True):
            points = int(rng.choice([60, 80, 100, 140, 200, 300, 400]))
            stride = max(1, len(states) // points) if rng.random() < 0.6 else 1
            x = states[::stride][:points]
            t = step * stride * np.arange(len(x))
            noise = np.zeros(dim)
            if rng.random() < 0.4:
                noise = rng.uniform(0, 0.12) * np.ptp(x, axis=0) / 2
                x = x + noise * rng.normal(size=x.shape)
            if rng.random() < 1 / 3:
                kept = np.sort(rng.permutation(len(x))[: max(50, len(x) // 2)])
                t, x = t[kept], x[kept]
            yield t, x, noise


def splits(t, x):
    """Context and held-out part: the last fifth, and every fifth window of ten points."""
    cut = round(0.8 * len(x))
    windows = [(t[i : i + 10], x[i : i + 10]) for i in range(0, len(x) - 9, 10)]
    rest = [window for i, window in enumerate(windows) if i % 5 != 2]
    for name, context, held_out in (
        ("last fifth", [(t[:cut], x[:cut])], [(t[cut - 1 :], x[cut - 1 :])]),
        ("windows", rest, windows[2::5]),
    ):
        seen = np.concatenate([states for _, states in context])
        center, scale = seen.mean(axis=0), seen.std(axis=0)
        both = (Trajectories([(s, (y - center) / scale) for s, y in part]) for part in (context, held_out))
        yield name, *both


def only(model, keep):
    """A linear model with some points of its grid alone; those that have a negligible share are gone already."""
    if not keep.any():
        return None
    chosen = {f.name: getattr(model, f.name)[keep] for f in dataclasses.fields(model)
              if isinstance(getattr(model, f.name), np.ndarray)}  # fmt: skip
    weight = chosen["log_weight"]
    chosen["log_weight"] = weight - np.logaddexp.reduce(weight)
    return dataclasses.replace(model, **chosen)


def linear(context, held_out):
    """The best mean log-likelihood of the three."""
    found = []
    for kind in ("brownian", "reverting", "noisy"):
        total = np.zeros(held_out.n_points - len(held_out))
        for d in range(context.n_features):
            model = LinearSDE.fit([(t, x[:, d]) for t, x in context])
            plain = model.noise == 0
            keep = {"brownian": plain & (model.rate == 0), "reverting": plain, "noisy": np.ones_like(plain)}[kind]
            part = only(model, keep)
            if part is None:
                total = total - np.inf
            else:
                total = total + np.concatenate([part.log_likelihoods((t, x[:, d])) for t, x in held_out])
        found.append(total.mean())
    return max(found)


def main(count):
    """Print the table."""
    warnings.simplefilter("ignore", ModelWarning)
    print("| variables | split | splits | | mean | median | 5% | share below -.1 | below -.3 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for dim in (1, 2):
        rng = np.random.default_rng(SEED + dim)
        gaps = {}
        for t, x, _ in recordings(count if dim == 1 else count // 3, dim, rng):
            for name, context, held_out in splits(t, x):
                fitted = FIMSDERegressor(device="cpu").fit(context)
                alone = fitted._state_space.log_likelihoods(held_out, fitted._measurement).mean()
                best = linear(context, held_out)
                gaps.setdefault((name, "FIM-SDE"), []).append(fitted.score(held_out) - best)
                gaps.setdefault((name, "its equation alone"), []).append(alone - best)
        for (name, what), values in sorted(gaps.items()):
            v = np.array(values)
            print(
                f"| {dim} | {name} | {len(v)} | {what} | {v.clip(-3, 3).mean():.3f} | {np.median(v):.3f} "
                f"| {np.quantile(v, 0.05):.3f} | {np.mean(v < -0.1):.2f} | {np.mean(v < -0.3):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 120)
