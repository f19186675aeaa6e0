"""Train the arbiter of forecasts: ``python -m pretrain.forecast_arbiter --series 1000 --out folder``.

Experts and the network, which stays as it is, forecast series of the training families, of random ODEs and draws that
look like what people record; a small network learns whom to believe when. ``--cache`` keeps what they said, so that
other settings of the training cost a minute; several caches, of other seeds or kinds, are trained on together.
``--calibrate`` fits nothing but the width of the intervals of an arbiter that there is, by all the series.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from tqdm import tqdm

from pretrain.forecasting.arbiter_cases import KINDS, Source, rows_of
from pretrain.forecasting.arbiter_training import FORECASTERS, Questions, Settings, calibrate, judged, train
from pretrain.run.provenance import versions
from skdyn.exceptions import WeightsError, silenced
from skdyn.files.writing import write_folder
from skdyn.forecasting.arbiter_files import load_arbiter
from skdyn.models.weights import load_model
from skdyn.nn.forecast_arbiter import ForecastArbiter

_FILES = ("model.safetensors", "config.json", "MODEL_CARD.md")
_HELD_OUT = 0.15
_OF_SERIES = ("lengths", "kinds", "asked")  # in a cache; all else is of rows


def collect(
    series: int, seed: int, network: Any, source: Source, bar: bool = True
) -> tuple[list[dict[str, NDArray[Any]]], list[str]]:
    """What is asked of so many series, and of which kind each is."""
    rng = np.random.default_rng([seed, 78])
    parts, kinds = [], []
    for _ in tqdm(range(series), desc="series", disable=not bar):
        drawn = source.draw()
        with silenced(Warning), np.errstate(all="ignore"):
            parts.append(rows_of(network, drawn, rng))
        kinds.append(drawn.kind)
    return parts, kinds


def export(arbiter: ForecastArbiter, record: dict[str, Any], out: Path) -> None:
    """Write the arbiter's folder: weights, configuration, card and checksums."""
    config = dataclasses.asdict(arbiter.config) | {"forecasters": list(FORECASTERS)}
    _write(arbiter, (json.dumps(config, indent=2) + "\n").encode(), card(arbiter, record), out)


def _write(arbiter: ForecastArbiter, config: bytes, text: str, out: Path) -> None:
    state = {name: tensor.detach().contiguous() for name, tensor in arbiter.state_dict().items()}
    contents = {
        "model.safetensors": save(state, metadata={"format": "pt"}),
        "config.json": config,
        "MODEL_CARD.md": text.encode(),
    }
    write_folder(
        out, contents.items(), "SHA256SUMS", lambda sums: "".join(f"{sums[name]}  {name}\n" for name in _FILES).encode()
    )


def calibrated(folder: Path, parts: Sequence[dict[str, NDArray[Any]]], kinds: Sequence[str], out: Path) -> str:
    """Write the arbiter of a folder with the width of its intervals fitted anew, and return what its card says of it.

    The series must be drawn from other seeds than those that it was trained on.
    """
    arbiter, known = load_arbiter(folder)
    arbiter = copy.deepcopy(arbiter)
    questions = Questions(parts, balanced(kinds), known)
    width, share = float(arbiter.log_widening), "in the 80% interval"
    before = judged(arbiter, questions, kinds)
    calibrate(arbiter, questions)
    after = judged(arbiter, questions, kinds)
    rows = [
        f"| {kind} | {found['series']} | {before[kind][share]:.2f} | {found[share]:.2f} |"
        for kind, found in after.items()
    ]
    factor = np.exp(float(arbiter.log_widening) - width)
    text = "\n".join(
        [
            "## Calibration",
            "",
            f"The intervals of all were made {factor:.3f} times as wide as they had been, so that they hold 80% of "
            f"{len(parts)} series of these kinds that were drawn anew; before and after:",
            "",
            "| kind | series | in the 80% interval | then |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
    earlier = (folder / "MODEL_CARD.md").read_text().split("## Calibration")[0].rstrip("\n")
    _write(arbiter, (folder / "config.json").read_bytes(), f"{earlier}\n\n{text}", out)
    return text


def card(arbiter: ForecastArbiter, record: dict[str, Any]) -> str:
    """What was trained on what, and how well it does on series held out of it."""
    count = sum(parameter.numel() for parameter in arbiter.parameters())
    rows = [
        f"| {kind} | {found['series']} | {found['error']:.4f} | {found['typical']:.4f} | {found['solved']:.2f} | "
        f"{found['in the 80% interval']:.2f} |"
        for kind, found in record["held out"].items()
    ]
    facts = [f"* {name}: {value}" for name, value in record.items() if name != "held out"]
    return "\n".join(
        [
            "---",
            "library_name: skdyn",
            "license: mit",
            "tags:",
            "- dynamical-systems",
            "- time-series-forecasting",
            "---",
            "# forecast-arbiter",
            "",
            f"{count:,} parameters that weigh a pretrained forecaster and {len(FORECASTERS) - 1} classical ones at "
            "every time ahead, and give the width of the interval.",
            "",
            "## Training",
            "",
            *facts,
            "",
            "## Data",
            "",
            "The twenty training families of `skdyn.datasets.families`, random ODEs, draws with seasons, trends, "
            "growth, correlated noise and level shifts, long chaotic series, and windows of recorded series: the "
            "tables of R packages that `pretrain.priors.recorded` lists, none of which is in the benchmark of real "
            "series. Eight further families are held out.",
            "",
            "## Validation",
            "",
            "Series of the same kinds held out of the training (of recorded ones, other windows); the error is the "
            "mean square after the prefix, typical the geometric mean of the mean absolute error, both of families, "
            "random and recurrent series in half-ranges of the whole, of others in twice the mean step over a season; "
            "solved is an error below 0.01. The intervals of all are scaled by one factor so that they hold 80% of "
            "these series together.",
            "",
            "| kind | series | error | typical | solved | in the 80% interval |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m pretrain.forecast_arbiter", description=__doc__)
    parser.add_argument("--series", type=int, default=1000, help="drawn for training and validation")
    parser.add_argument("--model", default="lass-ode", help="the forecasting network (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=Settings.steps, help="of the optimiser (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--kinds", default=",".join(KINDS), help="of series, separated by commas (default: all)")
    parser.add_argument(
        "--cache", type=Path, nargs="+", default=[], metavar="NPZ", help="of what was said; one that is absent is made"
    )
    parser.add_argument("--calibrate", type=Path, metavar="FOLDER", help="an arbiter to calibrate anew, not to train")
    parser.add_argument("--out", type=Path, help="folder of the arbiter; without it only the cache is made")
    options = parser.parse_args(arguments)
    _check_options(parser, options)
    start = time.perf_counter()
    parts, kinds = [], []
    for path in options.cache or [None]:
        if path is not None and path.is_file():
            found = read_cache(path)
        else:
            source = Source(options.seed, options.kinds.split(","), progress=True)
            found = collect(options.series, options.seed, load_model(options.model).network, source)
            if path is not None:
                write_cache(path, *found, _asked(options))
        parts += found[0]
        kinds += found[1]
    if options.out is None:
        return
    if options.calibrate is not None:
        print(calibrated(options.calibrate, parts, kinds, options.out))
        return
    order = np.random.default_rng(options.seed).permutation(len(parts))
    parts, kinds = [parts[k] for k in order], [kinds[k] for k in order]
    shares = balanced(kinds)
    drawn = time.perf_counter() - start
    cut = len(parts) - round(_HELD_OUT * len(parts))
    settings = dataclasses.replace(Settings(), steps=options.steps)
    start = time.perf_counter()
    arbiter = train(Questions(parts[:cut], shares[:cut]), settings, options.seed, progress=True)
    held_out = Questions(parts[cut:], shares[cut:])
    calibrate(arbiter, held_out)
    record = {
        "series": f"{cut} for training, {len(parts) - cut} held out",
        "seconds": f"{drawn:.0f} for the forecasts, {time.perf_counter() - start:.0f} for the training",
        "settings": dataclasses.asdict(settings),
        "seed": options.seed,
        "versions": versions(),
        "held out": judged(arbiter, held_out, kinds[cut:]),
    }
    export(arbiter, record, options.out)
    for kind, found in record["held out"].items():
        print(kind, " ".join(f"{name} {value:.4g}" for name, value in found.items()))
    print(options.out)


def _check_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a message, before hours of forecasts, where these could not be kept, told apart or used."""
    if unknown := sorted(set(options.kinds.split(",")) - KINDS.keys()):
        parser.error(f"--kinds has no {unknown[0]!r}; there are {', '.join(KINDS)}")
    if min(options.series, options.steps) < 1:
        parser.error("--series and --steps must be positive")
    if options.out is None and (options.calibrate or not options.cache):
        parser.error("--out is required; without it only a --cache is made")
    if options.calibrate is not None:
        try:
            load_arbiter(options.calibrate)
        except WeightsError as error:
            parser.error(f"--calibrate: {error}")
    asked = _asked(options)
    known: list[tuple[Path, Any]] = []
    for path in options.cache:
        if path.suffix != ".npz" or not path.parent.is_dir():
            parser.error(f"--cache {path} must be the name of an .npz file in a folder that exists")
        of_cache: Any = read_asked(path) if path.is_file() else asked
        if of_cache and of_cache["model"] != asked["model"]:
            parser.error(f"{path} holds what {of_cache['model']} said, not {asked['model']}; give its --model")
        for other, of_other in known:
            # Of equal draws the same series would be trained on and held out.
            if path.resolve() == other.resolve() or (of_cache and of_cache == of_other):
                parser.error(f"{other} and {path} are of the same series; make one of them with another --seed")
        known.append((path, of_cache))
        if differing := [f"{name} {of_cache[name]}" for name in asked if of_cache and of_cache[name] != asked[name]]:
            print(f"{path} is there and is read as it was drawn, with {', '.join(differing)}", file=sys.stderr)
    if not options.cache or not all(path.is_file() for path in options.cache):
        _check_model(parser, options.model)


def _check_model(parser: argparse.ArgumentParser, name: str) -> None:
    try:
        kind = load_model(name).spec.kind
    except WeightsError as error:
        parser.error(f"--model: {error}")
    if kind != "forecast":
        parser.error(
            f"--model {name} is of the kind {kind!r} and forecasts no series; give a forecaster, as lass-ode is"
        )


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """What decides the series of a cache, apart from their number, and what is said of them."""
    return {"seed": options.seed, "kinds": ",".join(sorted(options.kinds.split(","))), "model": options.model}


def balanced(kinds: Sequence[str]) -> list[float]:
    """How much each series counts, so that every kind has its share, however many of it there are in the caches."""
    return [KINDS[kind] * len(kinds) / kinds.count(kind) for kind in kinds]


def write_cache(
    path: Path, parts: Sequence[dict[str, NDArray[Any]]], kinds: Sequence[str], asked: dict[str, Any] | None = None
) -> None:
    """Keep what was said and what had been asked, without pickles; features in half precision."""
    lengths = np.array([len(part["target"]) for part in parts])
    rows: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows |= {name: rows[name].astype(np.float16) for name in ("of_forecasters", "of_times")}
    np.savez_compressed(path, lengths=lengths, kinds=np.array(kinds), asked=np.array(json.dumps(asked)), **rows)


def read_cache(path: Path) -> tuple[list[dict[str, NDArray[Any]]], list[str]]:
    """What `write_cache` kept."""
    with np.load(path, allow_pickle=False) as stored:
        edges = np.cumsum(stored["lengths"])[:-1]
        rows = {name: np.split(stored[name], edges) for name in stored.files if name not in _OF_SERIES}
        parts = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
        return parts, stored["kinds"].tolist()


def read_asked(path: Path) -> dict[str, Any] | None:
    """Seed, kinds and model of a cache; None where it does not say."""
    with np.load(path, allow_pickle=False) as stored:
        return json.loads(str(stored["asked"])) if "asked" in stored.files else None


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
