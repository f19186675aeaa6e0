"""Agreement with OpenFIM's own outputs, computed in double precision by golden/make_golden.py."""

from pathlib import Path

import numpy as np
import pytest
from skdyn_openfim import delta_log_scaling

from skdyn.models.normalization import Scaling

GOLDEN = Path(__file__).parent / "golden"
LINEAR = ("softmax-gnot", "softmax-efficient", "softmax", "elu")
VARIANTS = [
    *(("linear", feature_map) for feature_map in LINEAR),
    ("linear-no-attention-bias", "softmax-gnot"),
    ("linear-no-projection-bias", "softmax-gnot"),
    ("multihead", "multihead"),
    ("multihead-no-bias", "multihead"),
]
# Later versions of OpenFIM run the legacy mechanism for what FIM-ODE checkpoints call "softmax".
OWN_NAME = {"softmax": "softmax-legacy", "multihead": None}


def theirs(layout, feature_map, residual, dim, scaling):
    outputs = np.load(GOLDEN / layout / "outputs.npz")
    key = f"{feature_map}/{'residual' if residual else 'plain'}/{dim}"
    return scaling.normalise_field(outputs[f"field/{key}"][None])[0], outputs[f"log_scale/{key}"][:, None]


def scaling_of(dim) -> Scaling:
    arrays = np.load(GOLDEN / "contexts.npz")
    times, states, mask = (arrays[f"{name}_{dim}"] for name in ("times", "states", "mask"))
    observed = [np.flatnonzero(row) for row in mask]
    first = np.zeros_like(mask)
    packed_times, packed_states = np.zeros_like(times), np.zeros_like(states)
    for k, rows in enumerate(observed):
        first[k, : len(rows)] = True
        packed_times[k, : len(rows)], packed_states[k, : len(rows)] = times[k, rows], states[k, rows]
    return delta_log_scaling(packed_states[None], packed_times[None], first[None])


def difference(value, reference):
    """Largest difference as a fraction of the largest value."""
    return np.abs(value - reference).max() / np.abs(reference).max()


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("layout", "feature_map"), VARIANTS)
def test_every_variant_agrees_with_the_authors_outputs(layout, feature_map, residual, dim, checkpoint, evaluate):
    own = OWN_NAME.get(feature_map, feature_map)
    folder = checkpoint(layout, attention_map=own, use_query_residual_in_attention=residual)
    field, log_scale = theirs(layout, feature_map, residual, dim, scaling_of(dim))
    for precision, tolerance in (("float64", 1e-11), ("float32", 5e-5)):
        own_field, own_log_scale = evaluate(folder, dim, precision)
        assert difference(own_field, field) < tolerance
        assert difference(own_log_scale, log_scale) < tolerance


def test_the_goldens_tell_the_variants_apart():
    fields = [
        theirs(layout, feature_map, residual, 3, scaling_of(3))[0]
        for layout, feature_map in VARIANTS
        for residual in (True, False)
    ]
    for i, first in enumerate(fields):
        for second in fields[:i]:
            assert difference(first, second) > 1e-2


def test_published_checkpoints_say_softmax_for_gnot(checkpoint, evaluate):
    field, _ = theirs("linear", "softmax-gnot", True, 2, scaling_of(2))
    assert difference(evaluate(checkpoint(attention_map="softmax"), 2)[0], field) < 1e-11


def test_finetuned_uploads_have_a_prefix_and_other_keys(checkpoint, evaluate):
    folder = checkpoint(
        rename=lambda name: f"model.{name}",
        attention_map="softmax",
        dropout=0.0,
        a_new_key=[1, 2],
        train={"train_type": "trajectory_reconstruction", "num_ic": 100},
        extra={"architectures": ["TrainingWrapper"], "torch_dtype": "float32", "model_type": "FIMODE"},
    )
    field, log_scale = theirs("linear", "softmax-gnot", True, 3, scaling_of(3))
    own_field, own_log_scale = evaluate(folder, 3)
    assert difference(own_field, field) < 1e-11
    assert difference(own_log_scale, log_scale) < 1e-11
