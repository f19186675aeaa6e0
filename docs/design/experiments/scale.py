"""What several GPUs would make of a pretraining run: ``python docs/design/experiments/scale.py``.

Measured are a run on one GPU (its steps, contexts and seconds, by default those of the last stage on a GPU of the
bundled FIM-ODE, from its model card) and the sizes of the network; what links between GPUs do is taken from their data
sheets.
"""

import argparse
import math

from pretrain.ode.presets import PRESETS

LINKS = {"NVLink, 8 GPUs in a machine": (8, 300e9, 10e-6), "InfiniBand, 8 machines": (64, 40e9, 25e-6)}
"""GPUs, bytes a second that each sends, and seconds of one message."""
CRITICAL = 6_000
"""Contexts of a step beyond which more of them do not make up for fewer steps; assumed, not measured."""


def main() -> None:
    """Print the constants and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="network-gpu", choices=sorted(PRESETS))
    parser.add_argument("--steps", type=float, default=4_310)
    parser.add_argument("--contexts", type=float, default=3_580_352)
    parser.add_argument("--seconds", type=float, default=498.0)
    options = parser.parse_args()
    preset = PRESETS[options.preset]
    parameters = _parameters(preset)
    step, a_step = options.seconds / options.steps, options.contexts / options.steps
    gradient = 4.0 * parameters
    print(f"{options.preset}: {parameters:,} parameters, {gradient / 1e6:.2f} MB of gradients a step")
    print(f"one GPU: {1e3 * step:.0f} ms and {a_step:,.0f} contexts a step, {a_step / step:,.0f} contexts a second")
    stored = _bytes_a_context(preset)
    rate = 64 * a_step / step * stored
    print(f"a context as floats: {stored / 1e3:.1f} kB; kept on disk, an hour of 64 GPUs would be "
          f"{3600 * rate / 1e12:.1f} TB, read at {rate / 1e9:.2f} GB/s")  # fmt: skip
    print(f"\n{'':30}{'GPUs':>6}{'exchange ms':>13}{'of a step':>11}{'contexts/s':>12}{'a step':>9}{'useful':>8}")
    for name, (count, rate, latency) in {"one GPU": (1, 1.0, 0.0), **LINKS}.items():
        exchange = 2 * (count - 1) / count * gradient / rate + 2 * math.log2(count) * latency
        together = step + exchange
        print(
            f"{name:30}{count:6}{1e3 * exchange:13.3f}{exchange / together:11.2%}"
            f"{count * a_step / together:12,.0f}{count * a_step:9,.0f}{min(1.0, CRITICAL / (count * a_step)):8.0%}"
        )
    smallest = step * 0.1 / (0.9 * 2 * gradient / 40e9)
    print(f"\nexchange is a tenth of a step only for a network {smallest:,.0f} times as large at the same time a step")


def _parameters(preset) -> int:
    import torch

    from skdyn.nn.arbitrated import ArbitratedFIMODE

    with torch.device("meta"):
        return sum(p.numel() for p in ArbitratedFIMODE(preset.network).parameters())


def _bytes_a_context(preset) -> float:
    """Mean over contexts of the states and times, in single precision."""
    weights = [shape.weight * shape.contexts for shape in preset.shapes]
    sizes = [4.0 * shape.paths * shape.points * (preset.network.max_dim + 1) for shape in preset.shapes]
    return sum(w * size for w, size in zip(weights, sizes, strict=True)) / sum(weights)


if __name__ == "__main__":
    main()
