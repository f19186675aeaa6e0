"""Run by torchrun in two processes: trains, and each process writes the weights that it ends with."""

import sys
from pathlib import Path

import torch
from micro import MICRO
from safetensors.torch import save_file

from pretrain import fim_ode
from pretrain.run.schedule import StepClock

out = Path(sys.argv[1])
torch.set_num_threads(1)
tasks = []


class Task(fim_ode.FIMODETask):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        tasks.append(self)

    def validate(self):
        return {"prior/mean": 1.0}


fim_ode.FIMODETask = Task
outcome = fim_ode.train(MICRO, out, minutes=8 / 60, seed=1, clock=StepClock(1.0))
task = tasks[0]
save_file(dict(task.module.state_dict()), out / f"rank{task._rank}.safetensors")
first = task.batch(0).queries.contiguous()
save_file({"queries": first}, out / f"batch{task._rank}.safetensors")
assert outcome == "finished"
