"""What every ``python -m pretrain.MODEL`` shares: running a recipe, its summary, and the command line."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from pretrain.run.checkpoint import check_shard
from pretrain.run.distributed import World, device_asked
from pretrain.run.export import export_run
from pretrain.run.presets import Recipe
from pretrain.run.schedule import Clock, WallClock
from pretrain.run.task import Task
from pretrain.run.trainer import Trainer, TrainSettings


class RunRefused(ValueError):
    """A run cannot begin as it was asked for; nothing was trained or written."""


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

    Raises
    ------
    ValueError
        If a time or the size of a part is no positive number.
    RunRefused
        If there are no weights to begin with where they were said to be, or if they or the run that is to be continued
        are of another network or damaged.
    FileExistsError
        If the folder holds a run that is not to be continued.
    """
    _check(out, minutes, resume, session_minutes, shard_mb)
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
        try:
            task = make_task(device, world.rank)
            trainer = Trainer(task, settings, out, device, clock or WallClock(), world, resume, progress)
        except (ValueError, OSError) as error:
            raise RunRefused(str(error)) from error
        outcome = trainer.run()
        if outcome == "finished" and world.is_main:
            export_run(out, out / "export")
        world.wait(device)
        return outcome
    finally:
        world.leave()


def _check(out: Path, minutes: float, resume: bool, session_minutes: float | None, shard_mb: float | None) -> None:
    """Refuse what no run can be made of, before anything is computed or written."""
    for name, value in (("minutes", minutes), ("session_minutes", session_minutes)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value:g}")
    if shard_mb is not None:
        check_shard(shard_mb)
    if not resume and (out / "checkpoints").exists():
        raise FileExistsError(
            f"{out} already holds a run; continue it with resume=True (--resume), or name another folder"
        )


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
    if options.out is None:
        parser.error("--out is required")
    try:
        _check(options.out, options.minutes, options.resume, options.session_minutes, options.shard_mb)
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))


def run_from_command_line(
    make_task: Callable[[torch.device, int], Task],
    recipe: Recipe,
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
) -> None:
    """Run a recipe as the options say, and print the summary."""
    device = device_asked(parser, options.device)
    try:
        outcome = run_recipe(
            make_task,
            recipe,
            options.out,
            options.minutes,
            device,
            resume=options.resume,
            session_minutes=options.session_minutes,
            shard_mb=options.shard_mb,
            progress=True,
        )
    except RunRefused as error:
        parser.error(str(error))
    print(f"{outcome}: {options.out}\n{summary(options.out)}", file=sys.stderr)
