import micro
import torch

from pretrain.ode.objective import FIMODEObjective, forward_flops
from pretrain.ode.task import FIMODETask
from pretrain.run.cost import activation_bytes

CPU = torch.device("cpu")


def test_flops_grow_as_they_should():
    network = FIMODEObjective(micro.ODE.network).network
    one, two = forward_flops(network, 1, 20, 30), forward_flops(network, 2, 20, 30)
    own = [p for name, p in network.named_parameters() if p.ndim == 2 and not name.startswith("arbiter.")]
    parameters = sum(p.numel() for p in own)
    assert one > 2 * 20 * parameters * 0.4  # every token passes about half of the weights
    assert 1.5 * one < two < 3 * one


def test_activations_are_counted():
    task = FIMODETask(micro.ODE, 0, CPU)
    batch = task.batch(0)
    count = activation_bytes(task.module, batch)
    tokens = batch.tokens.mask.numel()
    assert count > 4 * tokens * micro.ODE.network.width * 10
