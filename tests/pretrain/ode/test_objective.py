import micro
import pytest
import torch

from pretrain.ode.task import FIMODETask

CPU = torch.device("cpu")


def test_loss_is_the_stated_formula():
    task = FIMODETask(micro.ODE, 0, CPU)
    batch = task.batch(1)
    network = task.module.network
    with torch.no_grad():
        loss, sums = task.module(batch)
        context = network.encode_tokens(batch.tokens)
        field, scale = network.decode(context, batch.queries)
    expected = []
    velocity, clean = batch.clean_velocities.flatten(1, 2), batch.clean_states.flatten(1, 2)
    for b, dim in enumerate(batch.dims.tolist()):
        seen, asked = batch.tokens.mask.flatten(1)[b], batch.query_mask[b]

        def laplace(truth, mean, u, dim=dim):
            return ((truth - mean).abs() * (-u).exp() + u)[:, :dim].mean()

        term = laplace(batch.targets[b][asked], field[b][asked], scale[b][asked])
        term = term + 0.5 * laplace(velocity[b][seen], context.velocity[b][seen], context.log_scale[b][seen])
        expected.append(term + (context.state[b] - clean[b])[seen][:, :dim].abs().mean())
    expected = torch.stack(expected)
    torch.testing.assert_close(loss, (expected * batch.weight).sum() / batch.weight.sum())
    assert sums["error/1d"][1] + sums["error/2d"][1] == batch.weight.sum()


# The compiler itself looks at the .grad of activations, and PyTorch warns its user of it.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_compiled_blocks_train_alike(monkeypatch):
    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, dynamic: original(f, dynamic=dynamic, backend="eager"))
    plain, compiled = FIMODETask(micro.ODE, 0, CPU), FIMODETask(micro.ODE, 0, CPU)
    compiled.module.compile_blocks()
    assert compiled.module.state_dict().keys() == plain.module.state_dict().keys()
    batch = plain.batch(0)
    for task in (plain, compiled):
        task.module(batch)[0].backward()
    for p, q in zip(plain.module.parameters(), compiled.module.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)
    with torch.no_grad():
        torch.testing.assert_close(compiled.module(batch)[0], plain.module(batch)[0])


def test_weightless_contexts_have_no_gradient():
    task = FIMODETask(micro.ODE, 0, CPU)
    batch = task.batch(0)
    batch.weight[1:] = 0
    task.module(batch)[0].backward()
    gradient = task.module.network.head.weight.grad.clone()
    batch.targets[1:] += 7
    task.module.zero_grad()
    task.module(batch)[0].backward()
    assert torch.equal(gradient, task.module.network.head.weight.grad)


def test_a_masked_target_that_is_not_a_number_changes_nothing():
    task = FIMODETask(micro.ODE, 0, CPU)
    batch = task.batch(0)
    batch.query_mask[:, ::3] = False
    batch.weight[0] = 0
    loss, _ = task.module(batch)
    expected = torch.autograd.grad(loss, list(task.module.parameters()))
    batch.targets[:, ::3] = float("nan")
    batch.targets[0] = float("nan")
    batch.clean_velocities[0] = float("nan")
    again, sums = task.module(batch)
    assert torch.equal(loss, again)
    for mine, wanted in zip(torch.autograd.grad(again, list(task.module.parameters())), expected, strict=True):
        assert torch.equal(mine, wanted)
    assert all(value.isfinite().all() for value in sums.values())
