"""What every ``python -m pretrain.MODEL`` shares: running a recipe, its summary, and the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.distributed import World, choose_device
from pretrain.run.export import PREFIX, WEIGHTS, export_run, sha256
from pretrain.run.optim import OptimConfig
from pretrain.run.schedule import Clock, Schedule, WallClock
from pretrain.run.trainer import Task, Trainer, TrainSettings


class Recipe(Protocol):
    """What running needs of a preset."""

    @property
    def schedule(self) -> Schedule:
        """Learning rate over the budget."""

    @property
    def optim(self) -> OptimConfig:
        """Optimiser."""

    @property
    def ema(self) -> float:
        """Largest decay of the moving average of the weights."""

    @property
    def validate_every(self) -> float:
        """Seconds between two validations."""

    @property
    def save_every(self) -> float:
        """Seconds between two checkpoints."""


def run_recipe(
    make_task: Callable[[torch.device, int], Task],
    recipe: Recipe,
    out: Path,
    minutes: float,
    device: torch.device | None = None,
    clock: Clock | None = None,
    resume: bool = False,
    session_minutes: float | None = None,
    shard_mb: float | None = None,
    progress: bool = False,
) -> str:
    """Run a recipe; returns "finished" or "interrupted", after which ``resume`` continues.

    Parameters
    ----------
    make_task : callable (device, rank) -> Task
        The rank is the position among the processes that train together.
    recipe : Recipe
    out : Path
        Folder of the run. A finished run has the exported model in ``out / "export"``.
    minutes : float
        Budget of the whole run, over all its sessions.
    device : torch.device, optional
        The CPU by default.
    clock : Clock, optional
        Real time by default.
    resume : bool
    session_minutes : float, optional
        End this session, saved, after so many minutes.
    shard_mb : float, optional
        Largest part of a checkpoint in megabytes.
    progress : bool
        Show a bar.
    """
    device = device or torch.device("cpu")
    world = World.join(device)
    try:
        settings = TrainSettings(
            budget=minutes * 60,
            session=None if session_minutes is None else session_minutes * 60,
            schedule=recipe.schedule,
            optim=recipe.optim,
            ema=recipe.ema,
            validate_every=recipe.validate_every,
            save_every=recipe.save_every,
            shard_mb=shard_mb,
        )
        task = make_task(device, world.rank)
        trainer = Trainer(task, settings, out, device, clock or WallClock(), world, resume, progress)
        outcome = trainer.run()
        if outcome == "finished" and world.is_main:
            export_run(out, out / "export")
        return outcome
    finally:
        world.leave()


def seeded_generator(device: torch.device, *numbers: int) -> torch.Generator:
    """A generator on a device whose stream is a function of these numbers, and of no other's."""
    seed = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(seed[0] >> np.uint64(1)))


def begin_with(module: nn.Module, folder: Path | None) -> dict[str, Any]:
    """Give a module the averaged weights of an earlier run; parameters that these lack keep their values.

    Parameters
    ----------
    module : Module
    folder : Path, optional
        A run's folder, or an exported model's; nothing changes without one.

    Returns
    -------
    dict
        What the model card says of its data, one entry more where there are earlier weights.

    Raises
    ------
    ValueError
        If there is a weight that the module lacks or that is of another shape.
    """
    if folder is None:
        return {}
    if (folder / WEIGHTS).is_file():
        weights = {f"{PREFIX}{name}": tensor for name, tensor in load_file(folder / WEIGHTS).items()}
        earlier: dict[str, Any] = {"weights_sha256": sha256(folder / WEIGHTS)}
    else:
        tensors = load_checkpoint(folder / "checkpoints").tensors
        weights = {key.removeprefix("ema/"): value for key, value in tensors.items() if key.startswith("ema/")}
        report = json.loads((folder / "run.json").read_text())
        earlier = {
            "steps": report["steps"],
            "contexts": report["contexts"],
            "minutes": round(report["elapsed_seconds"] / 60, 1),
            "preset_budget_minutes": round(report["settings"]["budget_seconds"] / 60, 1),
            "source_sha256": report["source"]["sha256"],
        }
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for name, tensor in weights.items():
            if name not in parameters or parameters[name].shape != tensor.shape:
                raise ValueError(f"{folder} holds another network: {name} does not fit")
            parameters[name].copy_(tensor)
    return {"begun_with_the_weights_of": earlier}


def summary(out: Path) -> str:
    """One paragraph about a run, from its run.json."""
    report = json.loads((out / "run.json").read_text())
    utilisation = report["model_flops_utilisation"]
    headline = report["task"]["headline"]
    before, after = ((report[key] or {}).get(headline, float("nan")) for key in ("validation_at_start", "validation"))
    return (
        f"{report['steps']:,} steps, {report['contexts']:,} contexts, {report['contexts_per_second']:,.0f} a second "
        f"on {report['device']['name']}; {report['model_flops_per_second']:.3g} model FLOP/s"
        + (f", {utilisation:.1%} of the peak" if utilisation is not None else "")
        + f"; {report['share_simulating']:.1%} of the time simulating; {report['skipped_batches']} batches skipped; "
        f"validation error {before:.3f} -> {after:.3f}"
    )


def command_line(program: str, description: str | None, presets: Mapping[str, Any]) -> argparse.ArgumentParser:
    """The options that all models share."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--preset", choices=sorted(presets), default="small")
    parser.add_argument("--minutes", type=float, default=25.0, help="budget of the whole run (default 25)")
    parser.add_argument("--session-minutes", type=float, help="end this session, saved, after so many minutes")
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out, or begin it")
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default auto)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--initial", type=Path, help="begin with the weights in this folder, of a run or a model")
    parser.add_argument("--shard-mb", type=float, help="cut checkpoints into parts of at most so many megabytes")
    return parser


def check_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a message where the options contradict each other or the folder."""
    if options.minutes <= 0:
        parser.error("--minutes must be positive")
    if options.out is None:
        parser.error("--out is required")
    if not options.resume and (options.out / "checkpoints").exists():
        parser.error(f"{options.out} already holds a run; continue it with --resume, or name another folder")


def run_from_command_line(
    make_task: Callable[[torch.device, int], Task], recipe: Recipe, options: argparse.Namespace
) -> None:
    """Run a recipe as the options say, and print the summary."""
    outcome = run_recipe(
        make_task,
        recipe,
        options.out,
        options.minutes,
        choose_device(options.device),
        resume=options.resume,
        session_minutes=options.session_minutes,
        shard_mb=options.shard_mb,
        progress=True,
    )
    print(f"{outcome}: {options.out}\n{summary(options.out)}", file=sys.stderr)
