import dataclasses
import json

import numpy as np
import pytest
import torch

from skdyn import FIMODERegressor, Trajectories, TrajectoryError
from skdyn.adaptation.rollouts import ShootingData, hold_out, interpolate, roll_out
from skdyn.adaptation.search import chosen_check
from skdyn.adaptation.shooting import LoRASettings, _Training, adapt, main
from skdyn.datasets import make_trajectories
from skdyn.models.adapters import CONFIG, TENSORS, save_adapter
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model

SHORT = LoRASettings(rank=2, alpha=2.0, steps=4, starts=5, horizon=1.6, check_every=2)


def noisy_orbit(points=50, seed=0):
    """A noisy round of the Van der Pol oscillator: additive noise of a seventh of a deviation."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 7, points)
    ((_, x),) = make_trajectories("van_der_pol", [-1.5, 2.5], t)
    return t, x + rng.normal(size=x.shape) * 0.05**0.5


def write_csv(path, pairs):
    rows = ["id,t,x,y"]
    rows += [f"{k},{t!r},{a!r},{b!r}" for k, (ts, xs) in enumerate(pairs) for t, (a, b) in zip(ts, xs, strict=True)]
    path.write_text("\n".join(row.replace("np.float64(", "").replace(")", "") for row in rows) + "\n")
    return path


@pytest.fixture(scope="module")
def dummy(dummy_folder):
    return load_model(dummy_folder)


def test_roll_outs_are_exact_to_fourth_order():
    matrix = torch.tensor([[-0.1, 1.0], [-1.0, -0.1]])

    def field(u):
        return u @ matrix.T

    start = torch.tensor([[[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]]])
    at = torch.tensor([0.0, 0.31, 1.7, 3.2]).expand(1, 3, 4)
    exact = torch.stack([torch.linalg.matrix_exp(matrix * time) @ start[0].T for time in at[0, 0]]).permute(2, 0, 1)
    errors = []
    for step, count in ((0.4, 8), (0.2, 16)):
        path, slopes = roll_out(field, start, step, count)
        assert path.shape == slopes.shape == (1, 3, count + 1, 2)
        errors.append(float((interpolate(path, slopes, step, at)[0] - exact).abs().max()))
    assert errors[0] < 2e-3
    assert errors[1] < errors[0] / 8


def test_roll_outs_can_be_differentiated():
    rate = torch.tensor(-0.5, requires_grad=True)
    start = torch.ones(1, 1, 1, requires_grad=True)
    path, slopes = roll_out(lambda u: rate * u, start, 0.1, 10)
    interpolate(path, slopes, 0.1, torch.ones(1, 1, 1)).sum().backward()
    assert float(rate.grad) == pytest.approx(np.exp(-0.5), rel=1e-5)
    assert float(start.grad) == pytest.approx(np.exp(-0.5), rel=1e-5)


def test_held_out_windows():
    lengths = (50, 200, 8, 5)
    trajectories = Trajectories([(np.arange(n), np.random.default_rng(n).normal(size=(n, 2))) for n in lengths])
    held = hold_out(trajectories, 0.2, np.random.default_rng(0))
    assert [len(mask) for mask in held] == list(lengths)
    assert [int(mask.sum()) for mask in held[:2]] == [10, 40]
    assert held[2].sum() >= 2
    assert not held[3].any()
    for mask in held:
        assert not mask[: len(mask) // 6].any()
    again = hold_out(trajectories, 0.2, np.random.default_rng(0))
    assert all((a == b).all() for a, b in zip(held, again, strict=True))
    with pytest.raises(TrajectoryError, match="no trajectory has 8 points"):
        hold_out(trajectories[3:], 0.2, np.random.default_rng(0))


def test_held_out_points_have_to_show_harm():
    rng = np.random.default_rng(0)
    noise = rng.exponential(size=12)
    wobble = [noise + 0.3 * rng.normal(size=12) for _ in range(4)]
    assert chosen_check([noise + 1, noise + 0.5, noise]) == 2
    assert chosen_check([noise + 0.5, noise, noise + 0.1, noise + 0.2]) == 1
    assert chosen_check([noise, noise + 1, noise + 2]) == 0
    assert chosen_check([noise + 1, *wobble]) >= 3
    assert chosen_check([noise]) == 0


def test_held_out_points_tell_nothing_of_themselves(dummy):
    """The estimated starts, the context and the loss of the search are the same whatever the held-out values are."""
    t, x = noisy_orbit(40)
    held = np.zeros(40, dtype=bool)
    held[20:24] = True
    engine, results = Engine(dummy, "cpu"), []
    data = ShootingData(Trajectories([(t, x)]), engine)
    for shift in (0.0, 5.0):
        changed = ShootingData(Trajectories([(t, x)]), engine)
        changed.observed = data.observed + shift * torch.from_numpy(held)[None, :, None]
        training = _Training(engine, changed, [~held], SHORT)
        results.append((training.step(), training.check().mean(), training.states()[0, ~held].detach()))
    assert results[0][0] == results[1][0]
    assert results[0][1] != results[1][1]
    assert torch.equal(results[0][2], results[1][2])


def test_the_noise_is_estimated():
    trajectories = Trajectories([noisy_orbit(200, seed) for seed in range(3)])
    data = ShootingData(trajectories, Engine(load_model("fim-ode"), "cpu"))
    np.testing.assert_allclose(data.noise * data.scaling.std[0], 0.05**0.5, rtol=0.15)
    truth, _ = make_trajectories("van_der_pol", [-1.5, 2.5], np.linspace(0, 7, 200))[0][::-1]
    truth = (truth - data.scaling.mean[0]) / data.scaling.std[0]
    smoothed, raw = (float(np.abs(part[0].numpy() - truth).mean()) for part in (data.smooth(data.mask), data.observed))
    assert smoothed < 0.5 * raw


def test_the_result_depends_on_the_arguments_alone(dummy, orbits):
    before = {name: value.clone() for name, value in dummy.network.state_dict().items()}
    settings = dataclasses.replace(SHORT, seed=3)
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    first = adapt(dummy, Trajectories(orbits), settings)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    torch.manual_seed(99)
    second = adapt(dummy, Trajectories(orbits), settings)
    other = adapt(dummy, Trajectories(orbits), dataclasses.replace(settings, seed=4))
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)
    assert not all(torch.equal(first.state[name], other.state[name]) for name in first.state)
    assert first.record["loss"] == second.record["loss"]
    assert first.record["held_out_error"] == second.record["held_out_error"]
    assert all(torch.equal(value, before[name]) for name, value in dummy.network.state_dict().items())


def test_the_record(dummy, orbits):
    record = adapt(dummy, Trajectories(orbits), SHORT).record
    assert json.loads(json.dumps(record)) == record
    assert record["settings"] == dataclasses.asdict(SHORT)
    curve = record["held_out_error"]["curve"]
    assert len(curve) == 3
    assert record["held_out_error"]["start"] == curve[0]
    assert record["held_out_error"]["best"] == min(curve)
    assert (
        record["steps"]
        == len(record["loss"]["final"])
        == SHORT.check_every * curve.index(record["held_out_error"]["chosen"])
    )
    assert record["searched_steps"] == len(record["loss"]["search"]) == SHORT.steps
    assert record["data"]["points"] == sum(len(t) for t, _ in orbits)
    assert record["data"]["variables"] == len(record["data"]["noise_deviation"]) == 2
    assert record["seconds"] > 0


def test_units_of_the_data_do_not_matter(dummy, orbits):
    settings = dataclasses.replace(SHORT, steps=2)
    ours = adapt(dummy, Trajectories(orbits), settings)
    theirs = adapt(dummy, Trajectories([(60 * t + 5, 1024 * x - 3) for t, x in orbits]), settings)
    np.testing.assert_allclose(ours.record["loss"]["search"], theirs.record["loss"]["search"], rtol=1e-3)


def test_van_der_pol_is_simulated_better(tmp_path):
    """The next round, which no training point shows, from the exact start."""
    model, data = load_model("fim-ode"), [noisy_orbit()]
    settings = LoRASettings(steps=25, contexts=2, check_every=25)
    result = adapt(model, Trajectories(data), settings)
    save_adapter(tmp_path, model, settings.rank, settings.alpha, result.state, result.record)
    assert sum((tmp_path / name).stat().st_size for name in (CONFIG, TENSORS)) < 2_000_000
    times = np.linspace(0, 14, 141)
    ((_, truth),) = make_trajectories("van_der_pol", [-1.5, 2.5], times)
    errors = []
    for adapter in (None, tmp_path):
        path = FIMODERegressor(adapter=adapter, device="cpu").fit(data).simulate([-1.5, 2.5], times, method="rk4")
        errors.append(float(np.mean((path - truth)[70:] ** 2)))
    assert errors[1] < 0.5 * errors[0]


def test_command_line(tmp_path, dummy_folder, orbits, capsys):
    data = write_csv(tmp_path / "orbits.csv", orbits)
    out = tmp_path / "adapter"
    arguments = ["--model", str(dummy_folder), "--data", str(data), "--out", str(out), "--rank", "2", "--steps", "5"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "held-out windows" in printed.out
    assert "100%" in printed.err  # the progress bar
    description = json.loads((out / CONFIG).read_text())
    assert description["rank"] == 2
    assert description["training"]["data"]["feature_names"] == ["x", "y"]
    estimator = FIMODERegressor(model=dummy_folder, adapter=out, device="cpu").fit(orbits)
    assert np.isfinite(estimator.predict([[0.1, 0.2]])).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--data": "nowhere.csv"}, "nowhere.csv"),
        ({"--model": "no-such-model"}, "no model 'no-such-model'"),
        ({"--rank": "17"}, "rank 17 does not fit 'encoder.0.attention.query'"),
        ({"--features": "z"}, "no column 'z'"),
    ],
)
def test_errors_of_the_command_line(tmp_path, dummy_folder, orbits, capsys, changes, message):
    data = write_csv(tmp_path / "orbits.csv", orbits)
    options = {"--model": str(dummy_folder), "--data": str(data), "--out": str(tmp_path / "out"), **changes}
    assert main([word for pair in options.items() for word in pair]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [["--rank", "0"], ["--steps", "0"], ["--seed", "-1"]])
def test_wrong_usage(tmp_path, capsys, wrong):
    with pytest.raises(SystemExit):
        main(["--data", "a.csv", "--out", str(tmp_path), *wrong])
    assert wrong[0] in capsys.readouterr().err


def test_data_without_motion(dummy):
    with pytest.raises(TrajectoryError, match="constant trajectories"):
        adapt(dummy, Trajectories([np.ones((20, 2))]), SHORT)
