"""Whether FIM-SDE's predicted errors hold beyond what a context has visited, on systems drawn from the prior.

Contexts and queries are those that the arbiters are trained on, from another seed: a third of the queries are states
of the context, a third any states of the system's recording, a third anywhere in the context's box, widened by a
quarter of its range on each side. Printed for each, inside and outside the range that the context has visited, are
the shares of the errors within two predicted scales, their medians and those of the scales, all in normalised units;
then those of diffusions that are predicted much smaller than in the middle of the context, with quantiles of the true
variance over the predicted one; and how far below that under the truth the expected log-density of a transition over
the context's mean step is, if some share of the scales is added to its deviation. ``PYTHONPATH=. python
docs/design/experiments/sde_beyond.py [systems]``.
"""

import dataclasses
import sys

import numpy as np
import torch
from scipy.stats import t as student

from pretrain.priors import Mixture, prior_weights
from pretrain.priors.diffusion import DIFFUSIONS
from pretrain.priors.simulate_sde import SDESimulator
from pretrain.sde.batches import Examples, observe
from pretrain.sde.presets import PRESETS
from skdyn.models.weights import load_model

SEED = 9001
PRESET = dataclasses.replace(PRESETS["arbiter"], queries=48)
SMALL = 0.6
SHARES = (1.0, 0.7, 0.6, 0.5, 0.4)
UNSEEN = 0.02
"""Diffusion that is added to the truth and to what is predicted, so that densities stay finite."""
EDGES = (0.0, 0.25, 0.5, 1.0, 2.0, 99.0)


def contexts(systems, generator):
    """Examples with the paths that they were cut from, by shape."""
    simulator = SDESimulator(Mixture(prior_weights(PRESET.drifts)), DIFFUSIONS[PRESET.diffusions])
    weights = {"regime": sum(r.weight for r in PRESET.regimes), "way": sum(o.weight for o in PRESET.observations)}
    alike = {}
    for regime in PRESET.regimes:
        for dim in (1, 2, 3):
            count = round(systems * regime.weight / weights["regime"])
            for recordings in simulator.draw(count, dim, regime, generator):
                for way in PRESET.observations:
                    size = round(4 * len(recordings) * way.weight / weights["way"] + 0.5)
                    if way.points <= recordings.states.shape[2]:
                        made = observe(recordings, way, size, PRESET.queries, PRESET.noise, PRESET.network, generator)
                        made = made.select(made.weight > 0)
                        alike.setdefault((way, dim, made.tokens.mask.shape[1]), []).append(made)
    return [Examples.concatenate(parts) for parts in alike.values()]


@torch.no_grad()
def judged(examples, network):
    """For each answer: place, distance outside, errors and scales of drift and diffusion, and the diffusion's size."""
    dim = int(examples.dims[0])
    seen, mask = examples.paths.states.flatten(1, 2), examples.paths.mask.flatten(1)[..., None]
    low, high = torch.where(mask, seen, torch.inf).amin(1), torch.where(mask, seen, -torch.inf).amax(1)
    ready = examples.fitted(PRESET.network)
    answer = network.answer(network.encode_tokens(ready.tokens), ready.queries)
    drift, of_diffusion = network.arbitrate(ready.fits, ready.queries, answer)
    level = of_diffusion.value.exp()
    g, scale = (level - network.config.diffusion_floor).clamp(min=0), of_diffusion.log_scale.exp() * level
    queries = ready.queries[..., :dim]
    outside = torch.maximum(low[:, None] - queries, queries - high[:, None]).clamp(min=0).amax(-1, keepdim=True)
    middle = g[:, : PRESET.queries // 3].median(1, keepdim=True).values
    place = torch.arange(PRESET.queries) // (PRESET.queries // 3)
    step = ready.fits.drift.about[:, None, :, 1].exp()
    columns = (
        place[None, :, None], outside, (ready.drift - drift.value).abs(), drift.log_scale.exp(),
        ready.diffusion - g, scale, g / middle.clamp(min=1e-3), ready.diffusion**2 / (g**2 + scale**2),
        g, ready.diffusion, step,
    )  # fmt: skip
    full = [column[..., :dim].expand(len(g), PRESET.queries, dim) for column in columns]
    return torch.stack(full, -1)[ready.query_mask]


def falls_short(share, drift, drift_scale, scale, g, truth, step):
    """By how much, for each answer, the expected log-density is below that under the truth; 20 nats at most."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    variance = (truth**2 + UNSEEN**2) * step
    wide = (g**2 + (share * scale) ** 2 + UNSEEN**2) * step + (share * drift_scale * step) ** 2
    doubt = (4 * g**2 * scale**2 + 2 * scale**4) * step**2 / wide**2
    n = 4 + 2 / doubt.clip(min=1e-8)
    density = student(n, 0, np.sqrt(wide * (n - 2) / n)).logpdf
    expected = sum(w * density(drift * step + z * np.sqrt(variance)) for z, w in zip(nodes, weights, strict=True))
    return (-0.5 * np.log(2 * np.pi * np.e * variance) - expected / weights.sum()).clip(max=20)


def main(systems):
    """Print the tables."""
    generator = torch.Generator().manual_seed(SEED)
    network = load_model("fim-sde").network
    parts = [judged(part, network).flatten(0, -2) for part in contexts(systems, generator) if len(part)]
    columns = torch.cat(parts).unbind(-1)
    place, outside, drift, drift_scale, diffusion, scale, relative, ratio, g, truth, step = columns
    held = drift <= 2 * drift_scale, diffusion.abs() <= 2 * scale
    print(
        "| where | outside by, in deviations | answers | drift held | error | scale | diffusion held | error | scale |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for k, name in enumerate(("context", "recording", "box")):
        for low, high in zip((-1.0, *EDGES), EDGES, strict=False):
            chosen = (place == k) & (outside > low) & (outside <= high)
            if chosen.sum() >= 50:
                print(
                    f"| {name} | {f'{low:g} to {high:g}' if high else 'inside'} | {chosen.sum():,} "
                    f"| {held[0][chosen].float().mean():.3f} | {drift[chosen].median():.2f} "
                    f"| {drift_scale[chosen].median():.2f} | {held[1][chosen].float().mean():.3f} "
                    f"| {diffusion.abs()[chosen].median():.3f} | {scale[chosen].median():.3f} |"
                )
    print("\n| predicted diffusion | outside | answers | held | too small | true variance over predicted: 50% | 95% |")
    print("|---|---|---|---|---|---|---|")
    for name, some in (("small", relative <= SMALL), ("other", relative > SMALL)):
        for there, far in (("no", outside <= 0), ("yes", outside > 0)):
            chosen = some & far
            middle, high = np.quantile(ratio[chosen], [0.5, 0.95])
            print(
                f"| {name} | {there} | {chosen.sum():,} | {held[1][chosen].float().mean():.3f} "
                f"| {(diffusion > 2 * scale)[chosen].float().mean():.3f} | {middle:.2f} | {high:.1f} |"
            )
    print("\n| share of the scales | inside | outside, recording | outside, box |")
    print("|---|---|---|---|")
    arrays = [column.double().numpy() for column in (drift, drift_scale, scale, g, truth, step)]
    for share in SHARES:
        short = falls_short(share, *arrays)
        means = (short[k].mean() for k in (outside <= 0, (outside > 0) & (place == 1), (outside > 0) & (place == 2)))
        print(f"| {share:g} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
