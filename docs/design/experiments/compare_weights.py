"""Weights of FIM-ODE against each other on the same fresh contexts of a prior.

``python docs/design/experiments/compare_weights.py folder [folder ...] --prior few --seed 8101`` prints, by
noise and by where the queries are, geometric means of relative errors of the field (with a floor of .001 added),
logarithms of their ratios to the first folder's with 95% intervals, and shares of contexts with an error below a tenth.
``--prior many`` (or ``wide``, ``responses``) asks of 4 to 12 variables, ``--inputs`` gives one or two of the variables
as inputs to the others.
"""

import argparse
import dataclasses

import numpy as np
import torch

from pretrain.ode.presets import PRESETS
from pretrain.ode.task import FIMODETask
from pretrain.ode.validation import field_at_queries
from pretrain.priors import PRIORS
from skdyn.models.weights import load_model

FLOOR = 1e-3


def relative_errors(network, batch, parts):
    """Errors (B, parts) of a network's field on the contexts of a batch."""
    field = field_at_queries(network, batch)
    there = batch.query_mask[..., None] & (batch.tokens.dim_mask[:, None] > 0)
    error, size = (torch.where(there, part.abs(), 0.0) for part in (field - batch.targets, batch.targets))
    sums = [[part[:, rows].sum((1, 2)) for rows in parts] for part in (error, size)]
    return torch.stack(sums[0], -1) / torch.stack(sums[1], -1).clamp(min=1e-9)


def main():
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--prior", default="mixture", choices=sorted(PRIORS))
    parser.add_argument("--inputs", action="store_true")
    parser.add_argument("--batches", type=int, default=110)
    parser.add_argument("--seed", type=int, default=8102)
    options = parser.parse_args()
    many = options.prior in ("many", "wide", "responses")
    preset = dataclasses.replace(
        PRESETS["arbiter"],
        corruption=PRESETS["together-gpu"].corruption,
        steps_per_pool=60,
        hidden=0.0,
        wide_share=float(many),
        forced_share=float(options.inputs),
        **{"wide_prior" if many else "prior": options.prior},
    )
    task = FIMODETask(preset, options.seed, torch.device("cpu"))
    networks = [load_model(folder).network for folder in options.folders]
    context, others, _ = preset.queries.counts
    parts = [slice(None, context), slice(context, context + others), slice(context + others, None)]
    found, noise = [], []
    with torch.no_grad():
        for step in range(options.batches):
            batch = task.batch(step)
            errors = torch.stack([relative_errors(network, batch, parts) for network in networks], -1)
            found.append(errors[batch.weight > 0])
            noise.append(batch.noise[batch.weight > 0])
    errors, noisy = torch.cat(found).double().numpy(), torch.cat(noise).numpy() > 0
    print(f"{options.prior}: {len(errors)} contexts")
    for level, rows in (("clean", ~noisy), ("noisy", noisy)):
        for place, name in enumerate(("context", "others", "box")):
            logs = np.log(errors[rows, place] + FLOOR)
            gaps = logs[:, 1:] - logs[:, :1]
            half = 1.96 * gaps.std(0) / len(gaps) ** 0.5
            ratios = " ".join(f"{g:+.3f} +- {h:.3f}" for g, h in zip(gaps.mean(0), half, strict=True))
            means = " ".join(f"{m:.4f}" for m in np.exp(logs.mean(0)))
            below = " ".join(f"{s:.3f}" for s in (errors[rows, place] < 0.1).mean(0))
            print(f"{level} {name:8} errors {means}   ratios {ratios}   below .1 {below}")


if __name__ == "__main__":
    main()
