"""Training of any task within a time budget: steps, average, logs, validation, checkpoints, resuming."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pretrain.run.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pretrain.run.distributed import World
from pretrain.run.optim import OptimConfig, Optimizer
from pretrain.run.provenance import device_facts, peak_flops, source, versions
from pretrain.run.report import MetricsLog, draw_curve, progress_bar, write_json
from pretrain.run.schedule import Clock, Schedule
from pretrain.run.task import Task

_TOO_MANY_SKIPPED = 200


@dataclass(frozen=True)
class TrainSettings:
    """How long and how often.

    Attributes
    ----------
    budget : float
        Seconds of the whole run, over all its sessions; schedules end there.
    session : float, optional
        Seconds after which this session saves and ends.
    schedule : Schedule
    optim : OptimConfig
    ema : float
        Largest decay of the moving average; early on it is ``(1 + step) / (10 + step)``.
    log_every, validate_every, save_every : float
        Seconds.
    shard_mb : float, optional
        Largest part of a checkpoint, in megabytes.
    """

    budget: float
    schedule: Schedule
    optim: OptimConfig
    session: float | None = None
    ema: float = 0.999
    log_every: float = 5.0
    validate_every: float = 180.0
    save_every: float = 120.0
    shard_mb: float | None = None


@dataclass
class _State:
    """Position of a run; saved in every checkpoint."""

    step: int = 0
    elapsed: float = 0.0
    contexts: int = 0
    flops: float = 0.0
    skipped: int = 0
    simulating: float = 0.0
    next_log: float = 0.0
    next_validation: float = 0.0
    next_save: float = 0.0
    first_validation: dict[str, float] | None = None
    last_validation: dict[str, float] | None = None


class Trainer:
    """Train a task until its budget is spent, its session ends or a signal asks it to stop.

    Parameters
    ----------
    task : Task
    settings : TrainSettings
    out : Path
        The run's folder: run.json, metrics.jsonl, curve.png, checkpoints/.
    device : torch.device
    clock : Clock
    world : World
    resume : bool
        Continue from the newest intact checkpoint; without one, begin.
    progress : bool
        Show a bar.
    """

    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        out: Path,
        device: torch.device,
        clock: Clock,
        world: World | None = None,
        resume: bool = False,
        progress: bool = False,
    ) -> None:
        self.task, self.settings, self.out = task, settings, out
        self._device, self._clock, self._world, self._progress = device, clock, world or World(), progress
        self._parameters = dict(task.module.named_parameters())
        self._average = {name: p.detach().clone() for name, p in self._parameters.items()}
        trained = {name: p for name, p in self._parameters.items() if p.requires_grad}
        self._optimizer = Optimizer(trained, task.is_matrix, settings.optim)
        self._state = _State(next_save=settings.save_every)
        self._stop = False
        self._next: Any = None
        self._source = source()
        self._sums: dict[str, Tensor] = {}
        self._mark = (0.0, 0, 0.0)
        if resume:
            self._resume()
        self._module = self._world.wrap(task.module, task.used_in_part)

    @property
    def step(self) -> int:
        """Steps done so far."""
        return self._state.step

    def stop(self, *_: Any) -> None:
        """Save and end after the current step or validation; also the handler of SIGTERM and SIGINT."""
        if self._progress and not self._stop:
            print("the run is saved and ends after this step or validation", file=sys.stderr)
        self._stop = True

    def run(self) -> str:
        """Train; returns "finished" or "interrupted". Either way everything is saved."""
        s, settings = self._state, self.settings
        self.out.mkdir(parents=True, exist_ok=True)
        log = MetricsLog(self.out / "metrics.jsonl", s.step) if self._world.is_main else None
        simulated_before = s.simulating - self.task.seconds_simulating
        started_at = s.elapsed
        with self._signals():
            if s.step == 0:
                self._validate(log)
            bar = progress_bar(settings.budget, s.elapsed, self._progress and self._world.is_main)
            self._clock.start(s.step, s.elapsed)
            self._mark = (s.elapsed, s.contexts, s.flops)
            self._write_run("running")
            in_a_row = 0
            while True:
                # The main process's clock counts, and a signal to any process stops all.
                now = self._clock.elapsed(s.step) if self._world.is_main else 0.0
                s.elapsed, stop = self._world.largest(now, float(self._stop), device=self._device)
                over = settings.session is not None and s.elapsed - started_at >= settings.session
                if s.elapsed >= settings.budget or stop or over:
                    break
                learning_rate = settings.schedule(s.elapsed / settings.budget, s.step)
                finite = self._train(learning_rate)
                s.simulating = simulated_before + self.task.seconds_simulating
                in_a_row = 0 if finite else in_a_row + 1
                if in_a_row >= _TOO_MANY_SKIPPED:
                    raise FloatingPointError(f"{in_a_row} batches in a row had no finite gradient; giving up")
                if s.elapsed >= s.next_log:
                    self._log(log, learning_rate, bar)
                if s.elapsed >= s.next_validation:
                    self._validate(log)
                if s.elapsed >= s.next_save:
                    s.next_save = s.elapsed + settings.save_every
                    try:
                        self._save()
                    except OSError as error:  # the last good checkpoint is still there
                        print(f"step {s.step}: the checkpoint could not be saved: {error}", file=sys.stderr)
            bar.close()
            finished = s.elapsed >= settings.budget
            outcome = "finished" if finished else "interrupted"
            self._save()
            if finished:
                self._validate(log)
            self._write_run(outcome)
        if self._world.is_main:
            draw_curve(self.out / "metrics.jsonl", self.out / "curve.png")
        return outcome

    def _train(self, learning_rate: float) -> bool:
        """One step; False if its gradient was not finite and nothing was changed."""
        s = self._state
        batch = self.task.batch(s.step) if self._next is None else self._next
        loss, sums = self._module(batch)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), self.settings.optim.clip)
        s.step += 1
        # The next batch is asked for before the result is waited for: a GPU then never waits for the host.
        self._next = self.task.batch(s.step)
        finite = bool(norm.isfinite())  # equal on all processes: gradients are averaged before
        if finite:
            self._optimizer.step(learning_rate)
            decay = min(self.settings.ema, (1 + s.step) / (10 + s.step))
            with torch.no_grad():
                torch._foreach_lerp_(list(self._average.values()), list(self._parameters.values()), 1 - decay)
            contexts, flops = self.task.cost(batch)
            s.contexts += contexts * self._world.size
            s.flops += flops * self._world.size
            one = torch.ones((), device=loss.device)
            sums = sums | {"loss": torch.stack([loss.detach(), one]), "gradient": torch.stack([norm, one])}
            for name, value in sums.items():
                previous = self._sums.get(name)
                self._sums[name] = value.detach() if previous is None else previous + value.detach()
        else:
            s.skipped += 1
        for parameter in self._parameters.values():
            parameter.grad = None
        return finite

    def _log(self, log: MetricsLog | None, learning_rate: float, bar: tqdm) -> None:
        s = self._state
        s.next_log = s.elapsed + self.settings.log_every
        elapsed, contexts, flops = self._mark
        seconds = max(s.elapsed - elapsed, 1e-9)
        self._mark = (s.elapsed, s.contexts, s.flops)
        means = {}
        for name, value in self._sums.items():
            total, count = value.tolist()
            if count > 0:
                means[name] = total / count
        self._sums = {}
        if log is None or "loss" not in means:
            return
        speed = (s.contexts - contexts) / seconds
        row = {"kind": "train", "step": s.step, "elapsed": s.elapsed, "learning_rate": learning_rate}
        log.add(row | means | {"contexts_per_second": speed, "flops_per_second": (s.flops - flops) / seconds,
                               "skipped": s.skipped})  # fmt: skip
        bar.set_postfix_str(f"step {s.step} loss {means['loss']:.3f} {speed:.0f} contexts/s", refresh=False)
        bar.update(min(s.elapsed, self.settings.budget) - bar.n)

    def _validate(self, log: MetricsLog | None) -> None:
        s = self._state
        s.next_validation = s.elapsed + self.settings.validate_every
        if log is None:
            return
        with self._averaged():
            errors = self.task.validate()
        s.first_validation, s.last_validation = s.first_validation or errors, errors
        row = {"kind": "validation", "step": s.step, "elapsed": s.elapsed, "device": device_facts(self._device)}
        log.add(row | errors)
        self._write_run("running")

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The module with the averaged weights in place of its own."""
        own = {name: p.detach().clone() for name, p in self._parameters.items()}
        self._load_weights(self._average)
        try:
            yield
        finally:
            self._load_weights(own)

    @torch.no_grad()
    def _load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(tensors[name])

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT ask for a clean end."""
        previous = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                previous[number] = signal.signal(number, self.stop)
            except ValueError:  # not in the main thread, where Python does not deliver signals
                break
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _save(self) -> None:
        if not self._world.is_main:
            return
        groups = {
            "model": {name: p.detach() for name, p in self._parameters.items()},
            "ema": self._average,
            "optimizer": self._optimizer.state_tensors(),
        }
        tensors = {f"{group}/{name}": t for group, named in groups.items() for name, t in named.items()}
        values = {"state": vars(self._state), "task": self.task.describe()}
        checkpoint = Checkpoint(tensors, values)
        save_checkpoint(self.out / "checkpoints", self._state.step, checkpoint, self.settings.shard_mb)
        self._write_run("running")

    def _resume(self) -> None:
        try:
            checkpoint = load_checkpoint(self.out / "checkpoints")
        except FileNotFoundError:
            return
        saved, mine = checkpoint.values["task"], self.task.describe()
        for key in ("model", "network", "seed", "data"):
            if saved.get(key) != mine.get(key):
                raise ValueError(
                    f"{self.out} was trained with another {key}: {saved.get(key)!r}, now {mine.get(key)!r}"
                )
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "ema": {}, "optimizer": {}}
        for key, tensor in checkpoint.tensors.items():
            group, _, name = key.partition("/")
            groups[group][name] = tensor
        self._load_weights(groups["model"])
        for name, average in self._average.items():
            average.copy_(groups["ema"][name])
        self._optimizer.load_state_tensors(groups["optimizer"])
        self._state = _State(**checkpoint.values["state"])

    def _write_run(self, status: str) -> None:
        """Bring run.json up to date."""
        if not self._world.is_main:
            return
        s, settings = self._state, self.settings
        rate = s.flops / s.elapsed if s.elapsed else 0.0
        peak = peak_flops(self._device)
        write_json(
            self.out / "run.json",
            {
                "status": status,
                "task": self.task.describe(),
                "settings": {
                    "budget_seconds": settings.budget,
                    "schedule": vars(settings.schedule),
                    "optimizer": vars(settings.optim),
                    "ema": settings.ema,
                    "processes": self._world.size,
                },
                "source": self._source,
                "versions": versions(),
                "device": device_facts(self._device),
                "written_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "steps": s.step,
                "elapsed_seconds": s.elapsed,
                "contexts": s.contexts,
                "skipped_batches": s.skipped,
                "contexts_per_second": s.contexts / s.elapsed if s.elapsed else 0.0,
                "model_flops_per_second": rate,
                "model_flops_utilisation": rate / (peak * self._world.size) if peak else None,
                "share_simulating": s.simulating / s.elapsed if s.elapsed else 0.0,
                "validation_at_start": s.first_validation,
                "validation": s.last_validation,
            },
        )
