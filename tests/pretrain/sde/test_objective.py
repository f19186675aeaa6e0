import micro
import torch

from pretrain.sde.objective import TOKEN_WEIGHT
from pretrain.sde.task import FIMSDETask

CPU = torch.device("cpu")


def test_loss_is_the_stated_formula():
    task = FIMSDETask(micro.SDE, 0, CPU)
    batch = task.batch(0)
    batch.query_mask[:, ::3] = False
    batch.weight[0] = 0
    network, floor = task.module.network, task.module.network.config.diffusion_floor
    with torch.no_grad():
        loss, sums = task.module(batch)
        context = network.encode_tokens(batch.tokens)
        drift, drift_scale, log_diffusion, diffusion_scale = network.decode_log(context, batch.queries)

    def laplace(truth, mean, u, b, where, dim):
        return ((truth - mean).abs() * (-u).exp() + u)[b][where][:, :dim].mean()

    expected = []
    for b, dim in enumerate(batch.dims.tolist()):
        asked, seen = batch.query_mask[b], batch.tokens.mask[b]
        term = laplace(batch.drift, drift, drift_scale, b, asked, dim)
        term = term + laplace((batch.diffusion + floor).log(), log_diffusion, diffusion_scale, b, asked, dim)
        tokens = laplace(batch.token_drift, context.drift, context.drift_log_scale, b, seen, dim)
        token_truth = (batch.token_diffusion + floor).log()
        tokens = tokens + laplace(token_truth, context.log_diffusion, context.diffusion_log_scale, b, seen, dim)
        expected.append(term + TOKEN_WEIGHT * tokens)
    expected = torch.stack(expected)
    torch.testing.assert_close(loss, (expected * batch.weight).sum() / batch.weight.sum())
    assert sums["error/drift"][1] == batch.weight.sum()


def test_a_masked_target_that_is_not_a_number_changes_nothing():
    task = FIMSDETask(micro.SDE, 0, CPU)
    batch = task.batch(0)
    batch.query_mask[:, ::3] = False
    batch.weight[0] = 0
    loss, _ = task.module(batch)
    expected = torch.autograd.grad(loss, list(task.module.parameters()))
    for truth in (batch.drift, batch.diffusion):
        truth[:, ::3] = float("nan")
        truth[0] = float("nan")
    for truth in (batch.token_drift, batch.token_diffusion):
        truth[~batch.tokens.mask] = float("nan")
    again, sums = task.module(batch)
    assert torch.equal(loss, again)
    for mine, wanted in zip(torch.autograd.grad(again, list(task.module.parameters())), expected, strict=True):
        assert torch.equal(mine, wanted)
    assert all(value.isfinite().all() for value in sums.values())
