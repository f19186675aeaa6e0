import dataclasses

import micro
import torch

from pretrain.sde.objective import HELD, NETWORK_WEIGHT, TOKEN_WEIGHT
from pretrain.sde.task import FIMSDETask

CPU = torch.device("cpu")
SEEN = dataclasses.replace(micro.SDE, hidden=0.0)


def test_loss_is_the_stated_formula():
    task = FIMSDETask(SEEN, 0, CPU)
    batch = task.batch(0)
    batch.query_mask[:, ::3] = False
    batch.weight[0] = 0
    network, floor = task.module.network, task.module.network.config.diffusion_floor
    with torch.no_grad():
        loss, sums = task.module(batch)
        context = network.encode_tokens(batch.tokens)
        answer = network.answer(context, batch.queries)
        drift, diffusion = network.arbitrate(batch.fits, batch.queries, answer)
        judged = drift.value, drift.log_scale, diffusion.value, diffusion.log_scale

    def laplace(truth, mean, u, b, where, dim):
        return ((truth - mean).abs() * (-u).exp() + u)[b][where][:, :dim].mean()

    expected = []
    for b, dim in enumerate(batch.dims.tolist()):
        asked, seen = batch.query_mask[b], batch.tokens.mask[b]
        log_truth = (batch.diffusion + floor).log()
        judged_loss, network_loss = (
            laplace(batch.drift, f, u, b, asked, dim) + laplace(log_truth, g, v, b, asked, dim)
            for f, u, g, v in (judged, answer[:4])
        )
        term = (1 - NETWORK_WEIGHT) * judged_loss + NETWORK_WEIGHT * network_loss
        tokens = laplace(batch.token_drift, context.drift, context.drift_log_scale, b, seen, dim)
        token_truth = (batch.token_diffusion + floor).log()
        tokens = tokens + laplace(token_truth, context.log_diffusion, context.diffusion_log_scale, b, seen, dim)
        expected.append(term + TOKEN_WEIGHT * tokens)
    expected = torch.stack(expected)
    torch.testing.assert_close(loss, (expected * batch.weight).sum() / batch.weight.sum())
    assert sums["error/drift"][1] == batch.weight.sum()


def test_a_masked_target_that_is_not_a_number_changes_nothing():
    task = FIMSDETask(SEEN, 0, CPU)
    batch = task.batch(0)
    batch.query_mask[:, ::3] = False
    batch.weight[0] = 0
    loss, _ = task.module(batch)
    # All but what the arbiters put in place of a hidden network.
    weights = [weight for name, weight in task.module.named_parameters() if not name.endswith(".unseen")]
    expected = torch.autograd.grad(loss, weights)
    for truth in (batch.drift, batch.diffusion):
        truth[:, ::3] = float("nan")
        truth[0] = float("nan")
    for truth in (batch.token_drift, batch.token_diffusion):
        truth[~batch.tokens.mask] = float("nan")
    again, sums = task.module(batch)
    assert torch.equal(loss, again)
    for mine, wanted in zip(torch.autograd.grad(again, weights), expected, strict=True):
        assert torch.equal(mine, wanted)
    assert all(value.isfinite().all() for value in sums.values())


def test_frozen_the_arbiters_alone_learn_from_cached_answers():
    task = FIMSDETask(SEEN, 0, CPU, part="arbiter")
    batch = task.batch(0)
    assert batch.answer is not None
    with torch.no_grad():
        fresh = task.module.network.answer(task.module.network.encode_tokens(batch.tokens), batch.queries)
    for cached, own in zip(batch.answer, fresh, strict=True):
        torch.testing.assert_close(cached, own, atol=1e-4, rtol=1e-4)
    loss, sums = task.module(batch)
    loss.backward()
    moved = {name.split(".")[1] for name, p in task.module.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {"drift_arbiter", "diffusion_arbiter"}
    assert "network_loss" not in sums


def test_a_hidden_network_has_no_say():
    task = FIMSDETask(dataclasses.replace(micro.SDE, hidden=1.0), 0, CPU, part="arbiter")
    batch = task.batch(0)
    loss, sums = task.module(batch)
    other = dataclasses.replace(batch, answer=tuple(part + 1 for part in batch.answer))
    assert torch.equal(task.module(other)[0], loss)
    assert "hidden/drift" in sums


def test_the_scales_alone_learn_to_hold_most_errors():
    task = FIMSDETask(SEEN, 0, CPU, part="scales")
    batch = task.batch(0)
    loss, _ = task.module(batch)
    loss.backward()
    moved = {name for name, p in task.module.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved
    assert all("_arbiter.scale." in name for name in moved)
    network = task.module.network
    last = [arbiter.scale[2].bias for arbiter in (network.drift_arbiter, network.diffusion_arbiter)]
    optimizer = torch.optim.Adam(last, lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        task.module(batch)[0].backward()
        optimizer.step()
    with torch.no_grad():
        drift, diffusion = network.arbitrate(batch.fits, batch.queries, batch.answer)
    asked = (batch.query_mask & (batch.weight[:, None] > 0))[..., None] & (batch.tokens.dim_mask[:, None] > 0)
    level = diffusion.value.exp()
    g = (level - network.config.diffusion_floor).clamp(min=0)
    for error, scale in (
        (batch.drift - drift.value, drift.log_scale.exp()),
        (batch.diffusion - g, diffusion.log_scale.exp() * level),
    ):
        held = (error.abs() <= 2 * scale)[asked].float().mean()
        assert abs(held - HELD) < 0.03
