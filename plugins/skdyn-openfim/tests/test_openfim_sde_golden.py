"""Agreement with the outputs of OpenFIM's FIM-SDE, computed in double precision by golden/make_sde_golden.py."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from skdyn.data.trajectories import Trajectories
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model

GOLDEN = Path(__file__).parent / "golden" / "sde"
FEATURE_MAPS = ("softmax", "softmax-efficient", "softmax-gnot", "elu")
LAYOUTS = ("published", "published-no-bias", "swapped")


def theirs(layout, variant, dim, end_tokens, scaling, rate=1.0):
    """Their drift, diffusion and log-scales in this package's normalised units and meaning."""
    outputs = np.load(GOLDEN / layout / "outputs.npz")
    key = f"{variant}/{dim}/{'end-tokens' if end_tokens else 'clean'}"
    log_scale = (outputs[f"log_scale/{key}"][:, None] - np.log(2)) / 2
    return {
        "drift": scaling.normalise_field(outputs[f"drift/{key}"][None])[0],
        "drift_log_scale": log_scale + np.log(rate),
        "diffusion": scaling.normalise_diffusion(outputs[f"diffusion/{key}"][None])[0],
        "diffusion_log_scale": log_scale + np.log(rate) / 2,
    }


def ours(folder, context, queries, precision="float64"):
    """The same of a checkpoint here, and the scaling of the context."""
    engine = Engine(load_model(folder), "cpu", precision)
    encoded = engine.encode([context])
    points = torch.zeros(1, len(queries), 3, dtype=engine.dtype)
    points[0, :, : encoded.dim] = torch.from_numpy(encoded.scaling.normalise(queries[None]))[0]
    with torch.inference_mode():
        drift, drift_scale, diffusion, diffusion_scale = engine.network.decode_sde(encoded.encoded, points)
        again, again_scale = engine.network.decode(encoded.encoded, points)
    assert torch.equal(drift, again)
    assert torch.equal(drift_scale, again_scale) or drift_scale.isnan().all()
    names = ("drift", "drift_log_scale", "diffusion", "diffusion_log_scale")
    parts = (drift, drift_scale, diffusion, diffusion_scale)
    values = {name: part[0, :, : encoded.dim].numpy() for name, part in zip(names, parts, strict=True)}
    return values, encoded.scaling


def difference(value, reference):
    """Largest difference as a fraction of the largest value."""
    return np.abs(value - reference).max() / np.abs(reference).max()


def agree(folder, layout, variant, dim, contexts, end_tokens=True, rate=1.0):
    context, queries = contexts[dim]
    for precision, tolerance in (("float64", 1e-11), ("float32", 5e-5)):
        values, scaling = ours(folder, context, queries, precision)
        for name, reference in theirs(layout, variant, dim, end_tokens, scaling, rate).items():
            assert difference(values[name], reference) < tolerance, (name, precision)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("end_tokens", [True, False])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("feature_map", FEATURE_MAPS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_variant_agrees_with_the_authors_outputs(
    layout, feature_map, residual, end_tokens, dim, sde_checkpoint, contexts
):
    folder = sde_checkpoint(layout, feature_map=feature_map, query_residual=residual, end_tokens=end_tokens)
    agree(folder, layout, f"{feature_map}/{'residual' if residual else 'plain'}", dim, contexts, end_tokens)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("end_tokens", [True, False])
def test_another_mean_time_step(end_tokens, dim, sde_checkpoint, contexts):
    times_norm = {"name": "fim.models.sde.DeltaLogCentering", "target_value": 0.05}
    folder = sde_checkpoint(end_tokens=end_tokens, times_norm=times_norm)
    agree(folder, "published", "mean-step", dim, contexts, end_tokens, rate=5.0)


def test_the_configuration_as_published(contexts):
    agree(GOLDEN / "published", "published", "softmax/residual", 3, contexts)


def test_the_goldens_tell_the_variants_apart():
    variants = 2 * (len(LAYOUTS) * len(FEATURE_MAPS) * 2 + 1)
    for dim in (1, 2, 3):
        drifts = []
        for layout in LAYOUTS:
            with np.load(GOLDEN / layout / "outputs.npz") as outputs:
                drifts += [outputs[key] for key in outputs if key.startswith("drift/") and f"/{dim}/" in key]
        assert len(drifts) == variants
        for i, first in enumerate(drifts):
            # Close only where no residual and no bias let the normalisation undo a factor of the attention.
            assert all(difference(first, second) > 1e-6 for second in drifts[:i])


def test_without_the_loss_scale_head_the_scale_is_unknown_and_the_rest_the_same(sde_checkpoint, contexts):
    def no_scale(name):
        return None if name.startswith("operator_loss_scale.") else name

    context, queries = contexts[2]
    expected, _ = ours(GOLDEN / "published", context, queries)
    values, _ = ours(sde_checkpoint(rename=no_scale, learnable_loss_scales=None), context, queries)
    for name in ("drift", "diffusion"):
        np.testing.assert_array_equal(values[name], expected[name])
        assert np.isnan(values[f"{name}_log_scale"]).all()


def test_older_checkpoints_have_two_copies_of_the_loss_scale_head(sde_checkpoint, contexts):
    def older(name):
        return name.replace("operator_loss_scale.", "operator_loss_scale_drift.")

    copies = {"operator_loss_scale_diffusion.projection.layers.output.bias": np.zeros(1, dtype=np.float32)}
    folder = sde_checkpoint(rename=older, added=copies, delta_time_only=True, operator_specificity=None)
    agree(folder, "published", "softmax/residual", 2, contexts)


def test_end_tokens_do_not_matter_where_all_trajectories_are_as_long(sde_checkpoint, contexts):
    context, queries = contexts[2]
    longest = max(len(t) for t in context.times)
    equal = Trajectories([(t, x) for t, x in context if len(t) == longest] * 2)
    with_tokens, _ = ours(sde_checkpoint(end_tokens=True), equal, queries)
    without, _ = ours(sde_checkpoint(end_tokens=False), equal, queries)
    for name, values in with_tokens.items():
        np.testing.assert_array_equal(values, without[name])


def padded_case(k):
    """Context k of the authors' batch of three, without its gaps and padding, its queries and their answers."""
    case = np.load(GOLDEN.parent / "sde-padded" / "case.npz")
    paths = zip(case["obs_times"][k, ..., 0], case["obs_values"][k], case["obs_mask"][k, ..., 0], strict=True)
    context = Trajectories([(t[seen].astype(float), x[seen].astype(float)) for t, x, seen in paths])
    return (
        context,
        case["locations"][k].astype(float),
        {name: case[name][k] for name in case if name[:2] in ("dr", "di")},
    )


@pytest.mark.parametrize("k", [0, 1, 2])
def test_all_end_tokens_are_those_of_a_batch_that_is_padded_further(k, tmp_path):
    """No context of the case is as long as its batch; left alone, the longest path of each has no end token."""
    context, queries, theirs = padded_case(k)
    folder = GOLDEN.parent / "sde-padded"
    config = json.loads((folder / "config.json").read_text())
    off = {}
    for end_tokens in (True, False, "all"):
        copy = tmp_path / str(end_tokens)
        copy.mkdir()
        shutil.copy(folder / "model.safetensors", copy)
        (copy / "config.json").write_text(json.dumps(config | {"end_tokens": end_tokens}))
        values, scaling = ours(copy, context, queries, "float32")
        drift, diffusion = scaling.field(values["drift"][None])[0], scaling.diffusion(values["diffusion"][None])[0]
        suffix = "" if end_tokens else "_without_phantom_token"
        off[end_tokens] = max(
            difference(drift, theirs[f"drift{suffix}"]), difference(diffusion, theirs[f"diffusion{suffix}"])
        )
    assert off["all"] < 1e-5
    assert off[False] < 1e-5
    assert 1e-3 < off[True] < 0.1


def test_padding_changes_nothing_where_all_end_tokens_count(sde_checkpoint, contexts):
    context, _ = contexts[2]
    engine = Engine(load_model(sde_checkpoint(end_tokens="all")), "cpu", "float64")
    longer = Trajectories([*context, *[(np.arange(40.0), np.sin(np.arange(80.0)).reshape(40, 2))]])
    alone, batch = engine.encode([context]), engine.encode([longer, context])
    for one, two in zip(alone.encoded.drift, batch.encoded.drift, strict=True):
        keys, padded = one[0][0], two[0][1]
        assert padded.shape[-2] > keys.shape[-2]
        seen, seen_padded = one[-1][0].flatten(), two[-1][1].flatten()
        torch.testing.assert_close(padded[:, seen_padded], keys[:, seen], rtol=1e-9, atol=1e-12)
