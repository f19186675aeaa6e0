"""FIMCoarseGrainer on tiny models of random weights: interface, gauge, gradients, determinism and guards."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdyn import FIMCoarseGrainer, FIMODERegressor, FIMSDERegressor, SkdynError, Trajectories, TrajectoryError
from skdyn.coarse_graining.autoencoder import build_autoencoder
from skdyn.coarse_graining.latent import LatentModel
from skdyn.coarse_graining.spread import check_spread
from skdyn.coarse_graining.training import Recordings, Settings, has_converged, losses_of, stretch_variance
from skdyn.coarse_graining.windows import draw_transitions, draw_windows
from skdyn.datasets import make_blob_video
from skdyn.estimators._latent_sde import LatentSDERegressor
from skdyn.models.weights import load_model
from skdyn.nn.autoencoder import perceptron
from tests.contract.test_contract import DUMMY, DUMMY_SDE

TINY = {"max_iter": 12, "hidden": (16, 8), "context_size": 400, "n_queries": 64, "random_state": 0, "device": "cpu",
        "validation_fraction": None}  # fmt: skip


@pytest.fixture(scope="module")
def video():
    return make_blob_video(400, size=11, dt=0.01)


@pytest.fixture(scope="module")
def grainer(video):
    """Tests must not modify it."""
    return FIMCoarseGrainer(model=DUMMY_SDE, **TINY).fit(video.frames, t=video.t)


@parametrize_with_checks([FIMCoarseGrainer(model=DUMMY_SDE, max_iter=3, hidden=(8,), device="cpu")])
def test_scikit_learn(estimator, check):
    check(estimator)


def test_codes_have_a_fixed_gauge(grainer, video):
    codes = grainer.transform(video.frames)
    np.testing.assert_allclose([codes.mean(), codes.std()], [0, 1], atol=1e-9)
    covariance = codes[:, 0] @ (video.frames - video.frames.mean(axis=0))
    assert covariance[np.abs(covariance).argmax()] > 0
    np.testing.assert_allclose(codes, grainer.context_.states[0], atol=1e-12)


@pytest.mark.slow
def test_a_coarse_to_fine_training_learns(grainer, video):
    assert grainer.n_iter_ == len(grainer.loss_curve_) == 12
    better = clone(grainer).set_params(max_iter=150, learning_rate=5e-3).fit(video.frames, t=video.t)
    assert np.mean(better.loss_curve_[-10:]) < 0.8 * np.mean(grainer.loss_curve_[:3])
    assert -1 < better.score(video.frames, t=video.t) < 0
    frames = better.inverse_transform(better.transform(video.frames))
    assert np.square(frames - video.frames).mean() < 0.8 * video.frames.var(axis=0).mean()


def test_the_dynamics_are_those_of_the_codes(grainer, video):
    codes = grainer.transform(video.frames)
    oracle = LatentSDERegressor(DUMMY_SDE, device="cpu").fit(codes, t=video.t)
    points = codes[:7]
    np.testing.assert_allclose(grainer.vector_field(points), oracle.vector_field(points), rtol=1e-4)
    np.testing.assert_allclose(grainer.diffusion(points), oracle.diffusion(points), rtol=1e-4)
    assert grainer.diffusion(points, return_std=True)[1].shape == (7, 1)
    assert grainer.jacobian(points).shape == (7, 1, 1)
    paths = grainer.simulate(points[:2], video.t[:5], n_paths=3, random_state=0)
    assert paths.shape == (2, 3, 5, 1)
    assert isinstance(grainer.equilibria(), list)


def test_a_model_of_odes(video):
    grainer = FIMCoarseGrainer(2, model=DUMMY, **TINY).fit(video.frames, t=video.t)
    assert isinstance(grainer.dynamics_, FIMODERegressor)
    codes = grainer.transform(video.frames[:9])
    assert codes.shape == grainer.vector_field(codes).shape == (9, 2)
    assert grainer.simulate(codes[0], video.t[:4]).shape == (4, 2)
    assert np.isfinite(grainer.score(video.frames, t=video.t))
    with pytest.raises(ValueError, match="is of ODEs and has no diffusion: fit with model='fim-sde'"):
        grainer.diffusion(codes)


def test_forms_of_input(grainer, video):
    frames, t = video.frames, video.t
    parts = [frames[:250], frames[250:]]
    expected = grainer.transform(frames)
    for form in (parts, [(t[:250], parts[0]), (t[250:], parts[1])], Trajectories(parts), frames.reshape(400, 11, 11)):
        np.testing.assert_allclose(grainer.transform(form), expected, atol=1e-9)
    several = clone(grainer).fit(parts, t=0.01)
    assert [len(codes) for codes in several.context_.states] == [250, 150]
    again = clone(grainer).fit([(t[:250], parts[0]), (t[:150], parts[1])])
    np.testing.assert_allclose(again.transform(frames), several.transform(frames), rtol=1e-6)
    np.testing.assert_allclose(grainer.transform([frames[0].tolist()]), expected[:1], atol=1e-9)


def test_data_frames_and_output(video):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(video.frames[:, 40:80].astype(float)).add_prefix("pixel")
    grainer = FIMCoarseGrainer(model=DUMMY_SDE, **TINY).fit(table, t=None)
    assert list(grainer.feature_names_in_[:2]) == ["pixel0", "pixel1"]
    assert list(grainer.get_feature_names_out()) == ["fimcoarsegrainer0"]
    out = grainer.set_output(transform="pandas").transform(table)
    assert list(out.columns) == ["fimcoarsegrainer0"]
    long = table.assign(t=np.tile(video.t[:200], 2), id=np.repeat([0, 1], 200))
    several = clone(grainer).fit(long)
    assert len(several.context_) == 2
    np.testing.assert_allclose(several.transform(long), several.transform(table), atol=1e-9)
    turned = long.sort_values(["t", "id"])
    codes = several.set_output(transform="pandas").transform(turned)
    np.testing.assert_allclose(codes.loc[long.index], several.transform(long), atol=1e-9)
    turned.iloc[6, 3] = np.nan
    with pytest.raises(TrajectoryError, match=r"trajectory 0, row 6, column 'pixel3': the state is NaN"):
        several.set_params(missing="drop").transform(turned)


def test_dates_and_units_are_kept(video, tmp_path):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(video.frames, index=pd.date_range("2020-01-01", periods=400, freq="h")).add_prefix("p")
    plain = FIMCoarseGrainer(model=DUMMY_SDE, **TINY | {"max_iter": 3})
    fitted = clone(plain).fit(Trajectories(table, time_unit="hour"))
    fitted.save(tmp_path)
    again, counted = FIMCoarseGrainer.load(tmp_path), clone(plain).fit(video.frames)
    codes, score = counted.transform(video.frames), counted.score(video.frames)
    for grainer in (fitted, again):
        assert (grainer.context_.axis.kind, grainer.context_.time_unit) == ("date", "hour")
        for form in (table, table.reset_index(names="date"), [video.frames]):
            np.testing.assert_allclose(grainer.transform(form), codes, atol=1e-9)
        assert grainer.score(table) == pytest.approx(score, rel=1e-9)
        with pytest.raises(TrajectoryError, match="the times of X are numbers, but those of the fit are dates"):
            grainer.score([video.frames])
    assert clone(plain).fit_transform(table).shape == codes.shape
    several = clone(plain).fit(Trajectories([video.frames[:200], video.frames[200:]], t=0.5, time_unit="minute"))
    expected = several.score(Trajectories(video.frames, t=0.5, time_unit="minute"))
    seconds = pd.DataFrame(video.frames).add_prefix("p").assign(t=30.0 * np.arange(400))
    seconds.attrs["time_unit"] = "second"
    assert several.score(seconds) == pytest.approx(expected, rel=1e-9)


def test_what_is_not_used_is_refused(video):
    u = np.sin(video.t)[:, None]
    for form in ([(video.t, video.frames, u)], Trajectories([(video.t, video.frames, u)])):
        with pytest.raises(TrajectoryError, match="FIMCoarseGrainer takes no inputs nor parameters, but X has u0"):
            FIMCoarseGrainer(model=DUMMY_SDE, **TINY).fit(form)


def test_a_score_does_not_depend_on_the_order_of_the_recordings(grainer, video):
    context = grainer.dynamics_.context_.windows(100)
    orders = (context, context[::-1])
    scores = []
    for order in orders:
        turned = copy.copy(grainer)
        turned.context_ = order
        scores.append(turned.score(video.frames, t=1.0))
    assert scores[0] == pytest.approx(scores[1], rel=1e-12)


def test_the_seed_decides(video):
    def codes(seed):
        grainer = FIMCoarseGrainer(model=DUMMY_SDE, **TINY | {"random_state": seed, "max_iter": 3})
        return grainer.fit(video.frames, t=video.t).transform(video.frames)

    before = torch.random.get_rng_state()
    first = codes(0)
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(first, codes(0))
    assert not np.allclose(first, codes(1), atol=1e-3)


def test_a_pickle_holds_no_weights_of_the_model(grainer, video):
    content = pickle.dumps(grainer)
    own = sum(p.nbytes for m in (grainer.autoencoder_.encoder, grainer.autoencoder_.decoder) for p in m.parameters())
    own += sum(values.nbytes for values in vars(grainer.autoencoder_.straight).values())
    codes = sum(t.nbytes + x.nbytes for t, x in grainer.context_)
    assert len(content) - own - codes < 30_000 < sum(p.nbytes for p in load_model(DUMMY_SDE).network.parameters())
    again = pickle.loads(content)
    np.testing.assert_array_equal(again.transform(video.frames), grainer.transform(video.frames))
    np.testing.assert_array_equal(again.vector_field([[0.1]]), grainer.vector_field([[0.1]]))


@pytest.mark.parametrize("model", [DUMMY_SDE, DUMMY])
def test_save_and_load(grainer, video, model, tmp_path):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(video.frames).add_prefix("p").assign(t=video.t)
    fitted = FIMCoarseGrainer(model=model, **TINY | {"max_iter": 3}).fit(table)
    fitted.save(tmp_path / "new" / "grainer")
    again = FIMCoarseGrainer.load(tmp_path / "new" / "grainer")
    assert again.get_params() | {"hidden": (16, 8)} == fitted.get_params() | {"hidden": (16, 8)}
    np.testing.assert_array_equal(again.transform(table), fitted.transform(table))
    np.testing.assert_allclose(again.vector_field([[0.1]]), fitted.vector_field([[0.1]]), rtol=1e-9)
    np.testing.assert_array_equal(again.inverse_transform([[0.1]]), fitted.inverse_transform([[0.1]]))
    assert list(again.feature_names_in_) == list(fitted.feature_names_in_)
    assert (again.n_iter_, again.loss_curve_) == (3, fitted.loss_curve_)
    assert not list((tmp_path / "new").rglob("*.pkl"))


@pytest.mark.parametrize("harm", ["grainer.json", "autoencoder.npz", "dynamics/context.npz"])
def test_a_damaged_folder_is_refused(grainer, harm, tmp_path):
    grainer.save(tmp_path)
    (tmp_path / harm).write_bytes(b"{}")
    with pytest.raises(SkdynError, match="damaged"):
        FIMCoarseGrainer.load(tmp_path)


def test_own_modules_are_not_saved(grainer, tmp_path):
    own = copy.copy(grainer).set_params(encoder=perceptron([121, 1], "tanh"))
    with pytest.raises(SkdynError, match=r"(?s)parameter encoder=.* cannot be saved"):
        own.save(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_own_modules_are_copied(video):
    torch.manual_seed(0)
    encoder, decoder = perceptron([121, 9, 2], "tanh"), torch.nn.Linear(2, 121)
    weights = encoder[0].weight.clone()
    grainer = FIMCoarseGrainer(2, model=DUMMY_SDE, encoder=encoder, decoder=decoder, **TINY)
    grainer = clone(grainer).fit(video.frames, t=video.t)
    assert torch.equal(encoder[0].weight, weights)
    assert isinstance(grainer.autoencoder_.decoder, torch.nn.Linear)
    assert not torch.equal(grainer.autoencoder_.encoder[0].weight.float(), weights)
    assert grainer.transform(video.frames).shape == (400, 2)


def test_the_model_stays_frozen_and_shows_progress(video, capsys):
    network = load_model(DUMMY_SDE).network
    before = [p.clone() for p in network.parameters()]
    FIMCoarseGrainer(model=DUMMY_SDE, **TINY | {"verbose": True}).fit(video.frames, t=video.t)
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, network.parameters(), strict=True))
    assert "12/12" in capsys.readouterr().err


def test_early_stopping(video):
    grainer = FIMCoarseGrainer(model=DUMMY_SDE, **TINY | {"max_iter": 60, "tol": 0.9, "n_iter_no_change": 5})
    assert grainer.fit(video.frames, t=video.t).n_iter_ == 36 + 10
    assert not has_converged([1.0] * 9, 0.1, None)


def test_windows_cover_every_transition_once():
    rng = np.random.default_rng(0)
    for lengths in ([2], [50], [11, 10, 2, 31]):
        windows = draw_windows(lengths, 10, 10**6, rng)
        row, column = np.nonzero(windows.mask[:, 1:])
        start = np.sort(windows.frames[row, column])
        ends = np.cumsum(lengths) - 1
        np.testing.assert_array_equal(start, np.setdiff1d(np.arange(sum(lengths)), ends))
        np.testing.assert_array_equal(windows.frames[row, column + 1], windows.frames[row, column] + 1)
        now, later = draw_transitions(lengths, 3, 10**6, rng)
        np.testing.assert_array_equal(np.sort(now), start)
        recording = np.repeat(np.arange(len(lengths)), lengths)
        np.testing.assert_array_equal(recording[now], recording[later])
        assert (later > now).all()
    few = draw_windows([1000], 10, 60, rng)
    assert few.mask.sum() <= 60
    assert draw_windows([1000], 10, 1, rng).mask.sum() > 1
    assert len(draw_transitions([1000], 1, 7, rng)[0]) == 7


SETTINGS = Settings(1e-3, 10, 400, 64, horizon=0.5, isometry=0.0, reconstruction=0.0, denoising=0.0, tol=0.0,
                    n_iter_no_change=None)  # fmt: skip


@pytest.fixture
def parts(video):
    frames = video.frames.astype(float)
    autoencoder = build_autoencoder(frames, 1, encoder=None, decoder=None, hidden=[8], activation="tanh", seed=0,
                                    method="random", device=torch.device("cpu"))  # fmt: skip
    recordings = Recordings(autoencoder.scaled(frames), torch.from_numpy(video.t), (400,))
    model = load_model(DUMMY_SDE)
    return autoencoder, recordings, LatentModel(model, model.network, 1)


def test_gradients_flow_through_the_query_and_the_context(parts):
    autoencoder, recordings, latent = parts
    codes = autoencoder.encoder(recordings.frames).detach().requires_grad_()
    query = codes[:3].detach().requires_grad_()
    drift, diffusion = latent.context(codes, recordings.times[None], np.ones((1, 400), bool)).dynamics(query)
    by_context, by_query = torch.autograd.grad((drift + diffusion).sum(), (codes, query))
    assert by_context.abs().max() > 0
    assert by_query.abs().min() > 0


def test_the_dynamics_have_the_units_of_the_codes(parts):
    """With two windows, one of them padded, as the regressor has them."""
    autoencoder, recordings, latent = parts
    codes = autoencoder.encoder(recordings.frames).detach()
    pieces = [slice(0, 300), slice(300, 400)]
    frames = np.minimum(np.arange(300) + np.array([[0], [300]]), 399)
    mask = np.arange(300) < np.array([[300], [100]])
    drift, diffusion = latent.context(codes, recordings.times[frames], mask).dynamics(codes[:5])
    regressor = FIMSDERegressor(DUMMY_SDE, device="cpu")
    regressor.fit([(recordings.times[piece].numpy(), codes[piece].numpy()) for piece in pieces])
    np.testing.assert_allclose(drift, regressor.vector_field(codes[:5].numpy()), rtol=1e-3)
    np.testing.assert_allclose(diffusion, regressor.diffusion(codes[:5].numpy()), rtol=1e-3)


def test_the_loss_is_that_of_the_paper(parts):
    """With horizon zero and all frames as context, computed here step by step."""
    autoencoder, recordings, latent = parts
    z = autoencoder.encoder(recordings.frames)
    context = latent.context(z, recordings.times[None], np.ones((1, 400), bool))
    settings = {"horizon": 0.0, "n_queries": 10**6, "denoising": 0.0, "rng": np.random.default_rng(3)}
    loss, reconstruction, decoded = losses_of(autoencoder, recordings, context, **settings)
    rng = np.random.default_rng(3)
    order = rng.permutation(399)
    noise = torch.from_numpy(rng.standard_normal((399, 1))).float()
    drift, diffusion = context.dynamics(z[order])
    following = z[order] + 0.01 * drift + 0.1 * diffusion * noise
    expected = (autoencoder.decoder(following) - recordings.frames[order + 1]).square().mean()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-6)
    again = (autoencoder.decoder(z) - recordings.frames)[:-1].square().mean()
    torch.testing.assert_close(reconstruction, again, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(decoded, following.detach(), rtol=1e-4, atol=1e-5)


def test_the_first_steps_take_the_codes_for_a_random_walk(parts):
    autoencoder, recordings, latent = parts
    z = autoencoder.encoder(recordings.frames)
    context = latent.context(z, recordings.times[None], np.ones((1, 400), bool))
    horizon = 20.5 * 0.01 * context.speed  # twenty frames and a half
    settings = {"horizon": horizon, "n_queries": 10**6, "denoising": 0.0, "rng": np.random.default_rng(3)}
    loss, _, _ = losses_of(autoencoder, recordings, context, **settings)
    rng = np.random.default_rng(3)
    now = rng.permutation(399)
    later = np.minimum(now + 20, 399)
    noise = torch.from_numpy(rng.standard_normal((399, 1))).float()
    walk = z[now] + (z[later] - z[now]).square().mean().sqrt() * noise
    expected = (autoencoder.decoder(walk) - recordings.frames[later]).square().mean()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-6)


def test_the_horizon_shrinks_to_a_frame():
    assert SETTINGS.horizon_at(0) == 0.5
    horizons = [SETTINGS.horizon_at(step) for step in range(10)]
    assert horizons == sorted(horizons, reverse=True)
    assert horizons[6:] == [0.0] * 4


def test_the_stretch_of_an_isometry_is_even():
    rng, codes = np.random.default_rng(0), torch.linspace(-1, 1, 50)[:, None]
    assert stretch_variance(torch.nn.Linear(1, 7), codes, torch.ones(1), rng) < 1e-6
    cubic = stretch_variance(lambda z: z**3, codes, torch.ones(1), rng)
    assert cubic > 0.5
    expected = np.log(3 * codes.numpy() ** 2 + 1e-4).var()  # of the derivative
    assert abs(float(cubic) - expected) < 0.5 * expected


def test_a_collapse_is_an_error(video):
    constant = torch.nn.Linear(121, 1)
    torch.nn.init.zeros_(constant.weight)
    grainer = FIMCoarseGrainer(model=DUMMY_SDE, encoder=constant, **TINY)
    with pytest.raises(SkdynError, match=r"component 0 of the code has collapsed: its .* deviation is .* at step 0"):
        grainer.fit(video.frames, t=video.t)
    codes = torch.tensor([[1.0, 0.0], [2.0, 1e-4]])
    check_spread(codes, torch.tensor([1.0, 1e-3]), "now")
    with pytest.raises(SkdynError, match=r"component 1 of the code has collapsed: .* 5e-05 now"):
        check_spread(codes, torch.tensor([1.0, 1.0]), "now")


def test_a_loss_that_overflows_is_an_error(video):
    grainer = FIMCoarseGrainer(model=DUMMY_SDE, **TINY | {"learning_rate": 1e30})
    with pytest.raises(SkdynError, match=r"the loss is .* at step|has collapsed"):
        grainer.fit(video.frames, t=video.t)
