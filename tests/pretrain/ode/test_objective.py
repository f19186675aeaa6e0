import dataclasses

import micro
import pytest
import torch

from pretrain.ode.task import FIMODETask

CPU = torch.device("cpu")


NARROW = dataclasses.replace(micro.ODE, wide_share=0.0, hidden=0.0)
WIDE = dataclasses.replace(micro.ODE, wide_share=1.0)
FORCED = dataclasses.replace(NARROW, forced_share=1.0)
HIDDEN = dataclasses.replace(micro.ODE, wide_share=0.0, hidden=1.0)


@pytest.mark.parametrize("preset", [NARROW, HIDDEN])
def test_loss_is_the_stated_formula(preset):
    task = FIMODETask(preset, 0, CPU)
    batch = task.batch(1)
    network = task.module.network
    assert batch.hide_network == (preset is HIDDEN)
    with torch.no_grad():
        loss, sums = task.module(batch)
        arbitrated = network.encode_with_fits(batch.tokens, batch.origin)
        context = arbitrated.network
        own, own_scale, _ = network.answer(context, batch.queries)
        field, scale = network.decode(arbitrated, batch.queries)
        if batch.hide_network:
            field, scale = network.arbitrate(arbitrated.without_network(), batch.queries, None)
    expected = []
    velocity, clean = batch.clean_velocities.flatten(1, 2), batch.clean_states.flatten(1, 2)
    for b, dim in enumerate(batch.dims.tolist()):
        seen, asked = batch.tokens.mask.flatten(1)[b], batch.query_mask[b]

        def laplace(truth, mean, u, dim=dim):
            return ((truth - mean).abs() * (-u).exp() + u)[:, :dim].mean()

        term = 0.7 * laplace(batch.targets[b][asked], field[b][asked], scale[b][asked])
        term = term + 0.3 * laplace(batch.targets[b][asked], own[b][asked], own_scale[b][asked])
        term = term + 0.5 * laplace(velocity[b][seen], context.velocity[b][seen], context.log_scale[b][seen])
        expected.append(term + (context.state[b] - clean[b])[seen][:, :dim].abs().mean())
    expected = torch.stack(expected)
    torch.testing.assert_close(loss, (expected * batch.weight).sum() / batch.weight.sum())
    name = "hidden" if batch.hide_network else "error"
    assert sums[f"{name}/1d"][1] + sums[f"{name}/2d"][1] == batch.weight.sum()
    assert {key.split("/")[0] for key in sums if not key.endswith("_loss")} == {name}


def test_batches_of_many_variables_train_the_arbiter_alone():
    task = FIMODETask(WIDE, 0, CPU)
    batch = task.batch(0)
    assert batch.tokens.states.shape[-1] == batch.targets.shape[-1] == 4
    assert batch.tokens.features.shape[-1] == 0
    loss, sums = task.module(batch)
    loss.backward()
    assert task.cost(batch)[1] == 0.0
    assert set(sums) == {"query_loss", "hidden/wide" if batch.hide_network else "error/wide"}
    learnt = {name for name, p in task.module.network.named_parameters() if p.grad is not None}
    assert learnt
    assert all(name.startswith("arbiter.") for name in learnt)


@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_forced_batches_train_the_network_through_the_arbiter_where_it_reads_them(hidden):
    task, reads = FIMODETask(dataclasses.replace(micro.ODE, hidden=hidden, forced_share=1.0), 0, CPU), set()
    for step in range(4):
        task.module.zero_grad()
        batch = task.batch(step)
        given, own = batch.outside.values.shape[-1], batch.targets.shape[-1]
        assert batch.queries.shape[-1] == batch.columns == own + given
        assert batch.tokens.states.shape[-1] == batch.origin.shape[-1] == own
        loss, sums = task.module(batch)
        read = batch.columns <= task.preset.network.max_dim
        assert (task.cost(batch)[1] > 0) == read
        assert set(sums) == {"query_loss", "hidden/forced" if hidden else "error/forced"}
        loss.backward()
        learnt = {name for name, p in task.module.network.named_parameters() if p.grad is not None}
        assert learnt
        assert all(name.startswith("arbiter.") for name in learnt) == (not read or bool(hidden))
        reads.add(read)
    assert reads == {False, True}


def test_a_frozen_network_leaves_the_loss_to_the_arbiter():
    task = FIMODETask(NARROW, 0, CPU, part="arbiter")
    batch = task.batch(1)
    loss, sums = task.module(batch)
    loss.backward()
    assert "network_loss" not in sums
    torch.testing.assert_close(loss.detach(), sums["query_loss"][0] / sums["query_loss"][1])
    for name, parameter in task.module.network.named_parameters():
        assert parameter.requires_grad == name.startswith("arbiter."), name
        assert parameter.grad is None or name.startswith("arbiter."), name
    assert task.module.network.arbiter.score.weight.grad.abs().sum() > 0
    free = FIMODETask(NARROW, 0, CPU)
    with torch.no_grad():
        assert torch.equal(free.module(batch)[1]["query_loss"], sums["query_loss"])


def test_the_network_alone_learns_from_its_own_answers():
    task = FIMODETask(FORCED, 0, CPU, part="network")
    batch = task.batch(1)
    assert batch.outside is None
    loss, sums = task.module(batch)
    loss.backward()
    free = FIMODETask(NARROW, 0, CPU)
    with torch.no_grad():
        _, together = free.module(batch)
    assert torch.equal(sums["query_loss"], together["network_loss"])
    parts = [total / count for total, count in (sums[f"{name}_loss"] for name in ("query", "token", "state"))]
    torch.testing.assert_close(loss, parts[0] + 0.5 * parts[1] + parts[2])
    for name, parameter in task.module.network.named_parameters():
        assert (parameter.grad is None) == name.startswith("arbiter."), name


def test_prepared_batches_are_used_again_and_train_alike():
    preset = dataclasses.replace(micro.ODE, reuse=3, wide_share=0.2, forced_share=0.2)
    task, fresh = (FIMODETask(preset, 0, CPU, part=part) for part in ("arbiter", "all"))
    per_pool = preset.steps_per_pool
    for pool in range(2):
        steps = range(3 * per_pool * pool, 3 * per_pool * (pool + 1))
        batches = [task.batch(step) for step in steps]
        assert len({id(batch) for batch in batches}) == per_pool
        assert {sum(batch is other for other in batches) for batch in batches} == {3}
        own = [fresh.batch(number) for number in range(per_pool * pool, per_pool * (pool + 1))]
        for prepared in {id(batch): batch for batch in batches}.values():
            (batch,) = (b for b in own if b.queries.shape == prepared.batch.queries.shape
                        and torch.equal(b.queries, prepared.batch.queries))  # fmt: skip
            assert task.cost(prepared) == (len(batch.weight), 0.0)
            with torch.no_grad():
                torch.testing.assert_close(
                    task.module(prepared)[0],
                    fresh.module(batch)[1]["query_loss"][0] / fresh.module(batch)[1]["query_loss"][1],
                )
    loss, _ = task.module(batches[0])
    loss.backward()
    assert task.module.network.arbiter.with_functions.weight.grad is not None


# The compiler itself looks at the .grad of activations, and PyTorch warns its user of it.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_compiled_blocks_train_alike(monkeypatch):
    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, dynamic: original(f, dynamic=dynamic, backend="eager"))
    plain, compiled = FIMODETask(NARROW, 0, CPU), FIMODETask(NARROW, 0, CPU)
    compiled.module.compile_blocks()
    assert compiled.module.state_dict().keys() == plain.module.state_dict().keys()
    batch = plain.batch(0)
    for task in (plain, compiled):
        task.module(batch)[0].backward()
    for p, q in zip(plain.module.parameters(), compiled.module.parameters(), strict=True):
        if p is not plain.module.network.arbiter.unseen:  # for batches without the network
            torch.testing.assert_close(p.grad, q.grad)
    with torch.no_grad():
        torch.testing.assert_close(compiled.module(batch)[0], plain.module(batch)[0])


def test_weightless_contexts_have_no_gradient():
    task = FIMODETask(NARROW, 0, CPU)
    batch = task.batch(0)
    batch.weight[1:] = 0
    task.module(batch)[0].backward()
    gradient = task.module.network.head.weight.grad.clone()
    batch.targets[1:] += 7
    task.module.zero_grad()
    task.module(batch)[0].backward()
    assert torch.equal(gradient, task.module.network.head.weight.grad)


def test_a_masked_target_that_is_not_a_number_changes_nothing():
    task = FIMODETask(NARROW, 0, CPU)
    batch = task.batch(0)
    batch.query_mask[:, ::3] = False
    batch.weight[0] = 0
    loss, _ = task.module(batch)
    learning = [p for p in task.module.parameters() if p is not task.module.network.arbiter.unseen]
    expected = torch.autograd.grad(loss, learning)
    batch.targets[:, ::3] = float("nan")
    batch.targets[0] = float("nan")
    batch.clean_velocities[0] = float("nan")
    again, sums = task.module(batch)
    assert torch.equal(loss, again)
    for mine, wanted in zip(torch.autograd.grad(again, learning), expected, strict=True):
        assert torch.equal(mine, wanted)
    assert all(value.isfinite().all() for value in sums.values())
