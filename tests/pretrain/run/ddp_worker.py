"""Run by torchrun in two processes, twice: ``cut`` trains until it is interrupted; ``resume`` goes on in new processes,
each of which writes the weights that it ends with."""

import sys
from pathlib import Path

import micro
import torch
from safetensors.torch import save_file

from pretrain import fim_ode
from pretrain.run.schedule import StepClock

part, out = sys.argv[1], Path(sys.argv[2])
torch.set_num_threads(1)
original, tasks = fim_ode.make_task, []


def make_task(*arguments):
    task = original(*arguments)
    task.validate = lambda: {"prior/mean": 1.0}
    tasks.append(task)
    return task


def train(**options):
    return fim_ode.train(micro.ODE, out, minutes=8 / 60, seed=1, clock=StepClock(1.0), **options)


fim_ode.make_task = make_task
if part == "cut":
    assert train(session_minutes=4 / 60) == "interrupted"
else:
    assert train(resume=True) == "finished"
    task = tasks[-1]
    save_file(dict(task.module.state_dict()), out / f"rank{task.rank}.safetensors")
    first = task.batch(0).queries.contiguous()
    save_file({"queries": first}, out / f"batch{task.rank}.safetensors")
