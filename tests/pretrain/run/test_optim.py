import pytest
import torch
from torch import nn

from pretrain.run.optim import OptimConfig, Optimizer, orthogonalise
from pretrain.run.schedule import Schedule, StepClock, WallClock


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 24, 8), (2, 8, 24)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape):
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape, generator=generator())))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_a_stack_is_orthogonalised_like_its_members():
    stack = torch.randn(4, 6, 10, generator=generator())
    single = torch.cat([orthogonalise(matrix[None]) for matrix in stack])
    torch.testing.assert_close(orthogonalise(stack), single)


def model(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 6, bias=False), nn.GELU(), nn.Linear(6, 6, bias=False), nn.Linear(6, 2))


def optimizer_of(module, **options):
    return Optimizer(dict(module.named_parameters()), lambda name, p: p.shape == (6, 6), OptimConfig(**options))


def descend(module, optimizer, steps, seed=3):
    x = torch.randn(64, 6, generator=generator(seed))
    y = x[:, :2].sin()
    for _ in range(steps):
        loss = (module(x) - y).pow(2).mean()
        loss.backward()
        optimizer.step(0.01)
        module.zero_grad()
    return loss.item()


@pytest.mark.parametrize("muon", [True, False])
def test_it_descends(muon):
    module = model()
    before = descend(module, optimizer_of(module, muon=muon), 1)
    module = model()
    assert descend(module, optimizer_of(module, muon=muon), 150) < 0.2 * before


@pytest.mark.parametrize("muon", [True, False])
def test_its_state_continues_exactly(muon):
    straight = model()
    descend(straight, optimizer_of(straight, muon=muon), 7)

    first = model()
    optimizer = optimizer_of(first, muon=muon)
    descend(first, optimizer, 3)
    second = model(seed=1)
    second.load_state_dict(first.state_dict())
    later = optimizer_of(second, muon=muon)
    later.load_state_tensors({name: tensor.clone() for name, tensor in optimizer.state_tensors().items()})
    descend(second, later, 4)
    for a, b in zip(straight.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_muon_ignores_the_size_of_gradients():
    updates = []
    for size in (1.0, 1e-4):
        module = nn.Linear(6, 6, bias=False)
        with torch.no_grad():
            module.weight.zero_()
        module.weight.grad = size * torch.randn(6, 6, generator=generator())
        pair = nn.ModuleDict({"matrix": module, "rest": nn.Linear(2, 2)})
        for parameter in pair["rest"].parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer_of(pair, weight_decay=0.0).step(0.1)
        updates.append(module.weight.detach().clone())
    torch.testing.assert_close(updates[0], updates[1], rtol=1e-2, atol=1e-3)


def test_schedule_warms_up_stays_and_goes_to_zero():
    schedule = Schedule(peak=2.0, warmup=0.1, warmup_steps=4, decay_from=0.5)
    assert schedule(0.0, 100) == 0
    assert schedule(0.05, 100) == pytest.approx(1.0)
    assert schedule(0.1, 100) == schedule(0.3, 100) == schedule(0.5, 100) == 2.0
    assert schedule(0.75, 100) == pytest.approx(1.0)
    assert schedule(1.0, 100) == schedule(1.2, 100) == 0
    # However late the first step is, the rate rises over some steps.
    assert [schedule(0.3, step) for step in range(5)] == [0.5, 1.0, 1.5, 2.0, 2.0]
    constant = Schedule(peak=1.0, warmup=0.0, warmup_steps=0, decay_from=1.0)
    assert constant(0.0, 0) == constant(1.0, 0) == 1.0


def test_clocks():
    clock = StepClock(0.5)
    clock.start(3, 99.0)
    assert clock.elapsed(4) == 2.0
    wall = WallClock()
    wall.start(0, 100.0)
    assert 100.0 <= wall.elapsed(5) < 101.0


def test_a_step_leaves_alone_what_has_no_gradient():
    matrices = {f"block.{i}": nn.Parameter(torch.randn(4, 4)) for i in range(2)}
    rest = {"head": nn.Parameter(torch.randn(3, 4)), "idle": nn.Parameter(torch.randn(3))}
    before = {name: p.detach().clone() for name, p in (matrices | rest).items()}
    optimizer = Optimizer(matrices | rest, lambda name, _: name.startswith("block"), OptimConfig())
    rest["head"].square().sum().backward()
    optimizer.step(0.1)
    changed = {name for name, p in (matrices | rest).items() if not torch.equal(p, before[name])}
    assert changed == {"head"}
    assert all(not tensor.any() for name, tensor in optimizer.state_tensors().items() if name.startswith("muon"))
